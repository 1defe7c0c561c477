package dir

import (
	"fmt"
	"path"
	"strings"

	"github.com/fcstack/fcstack/platform/fc"
)

// How a key is a path. A file has a mark at the end, so that "a" and "a/b" can both be
// there; a long segment is broken into several directories, because file systems allow
// 255 bytes a name. No mark may be part of a key.
//
//	a/b            objects/a/b~
//	a/<450 bytes>  objects/a/<200 bytes>%/<200 bytes>%/<50 bytes>~
//
// A segment that ends at a break leaves nothing for a directory's name: that is "#".
const (
	fileMark  = "~"
	breakMark = "%"
	emptyDir  = "#"
	breakAt   = 200
)

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!*'()=@+ ,"

func checkKey(key string) error {
	if key == "" || len(key) > 1024 {
		return fmt.Errorf("object key of %d bytes: %w", len(key), fc.ErrInvalid)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.Trim(segment, letters) != "" {
			return fmt.Errorf("object key %q: %w", key, fc.ErrInvalid)
		}
	}
	return nil
}

// fileOf is the file of a key that was checked.
func fileOf(key string) string {
	names := []string{objects}
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		for ; len(segment) >= breakAt; segment = segment[breakAt:] {
			names = append(names, segment[:breakAt]+breakMark)
		}
		switch {
		case i == len(segments)-1:
			segment += fileMark
		case segment == "":
			segment = emptyDir
		}
		names = append(names, segment)
	}
	return path.Join(names...)
}

// keyOf is what the keys of a directory's entry begin with, and for a file the key. The
// keys of the directory itself begin with prefix. An entry that is none of ours is not ok.
func keyOf(prefix, name string, isDir bool) (key string, ok bool) {
	switch {
	case !isDir:
		name, ok = strings.CutSuffix(name, fileMark)
		return prefix + name, ok
	case name == emptyDir:
		return prefix + "/", true
	case strings.HasSuffix(name, breakMark):
		return prefix + strings.TrimSuffix(name, breakMark), true
	}
	return prefix + name + "/", true
}
