package apicontroller

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/fcstack/fcstack/platform/api"
	"github.com/fcstack/fcstack/platform/backend/objectstore"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/module/apicontroller/intake"
)

// storeCode brings the code of a request into the object store. pkg holds what came
// in the request itself.
func (c *Controller) storeCode(ctx context.Context, account string, in *api.InputCodeLocation, pkg *intake.Package) (fc.Package, error) {
	field := "code.zipFile"
	if !in.ZipTaken {
		field = "code.ossObjectName"
		if err := c.fetchObject(ctx, account, *in.OSSBucketName, *in.OSSObjectName, pkg); err != nil {
			return fc.Package{}, err
		}
	}
	if err := checkArchive(field, pkg); err != nil {
		return fc.Package{}, err
	}
	out := fc.Package{SHA256: pkg.SHA256(), CRC64: pkg.CRC64(), Size: pkg.Size()}
	if want := in.Checksum; want != nil && *want != "" && *want != out.CRC64 {
		return fc.Package{}, api.InvalidArgument("code.checksum", "%s is given, but the package's CRC-64 is %s", *want, out.CRC64)
	}
	out.Key = objectstore.CodeKey(account, out.SHA256)
	if found, err := c.deps.Objects.Stat(ctx, out.Key); err == nil && found.Size == out.Size {
		return out, nil // the key is the content's
	}
	if _, err := c.deps.Objects.Put(ctx, out.Key, pkg.Reader()); err != nil {
		return fc.Package{}, unavailable("store package", err)
	}
	return out, nil
}

// fetchObject reads a package out of the account's bucket.
func (c *Controller) fetchObject(ctx context.Context, account, bucket, object string, pkg *intake.Package) error {
	in, info, err := c.deps.Objects.Get(ctx, objectstore.UserKey(account, bucket, object))
	switch {
	case errors.Is(err, fc.ErrNotFound):
		return api.InvalidArgument("code.ossObjectName", "object %q does not exist in bucket %q", object, bucket)
	case errors.Is(err, fc.ErrInvalid):
		return api.InvalidArgument("code.ossObjectName", "%q in bucket %q is not the name of an object", object, bucket)
	case err != nil:
		return unavailable("read package", err)
	}
	defer in.Close()
	if info.Size > api.MaxObjectPackage {
		return api.InvalidArgument("code.ossObjectName", "the package of %d bytes is larger than %d MiB", info.Size, api.MaxObjectPackage>>20)
	}
	if _, err := io.Copy(pkg, io.LimitReader(in, api.MaxObjectPackage)); err != nil {
		return unavailable("read package", err)
	}
	return nil
}

// checkArchive refuses what no node could unpack, while whoever sent it still listens.
func checkArchive(field string, pkg *intake.Package) error {
	if pkg.Size() == 0 {
		return api.InvalidArgument(field, "the package is empty")
	}
	z, err := zip.NewReader(pkg, pkg.Size())
	if err != nil {
		return api.InvalidArgument(field, "the package is not a readable ZIP archive: %v", err)
	}
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		if !filepath.IsLocal(name) || strings.Contains(name, `\`) {
			return api.InvalidArgument(field, "entry %q of the package leaves its directory", f.Name)
		}
	}
	return nil
}
