package logs

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// kept is a sink that keeps what it gets as request=text.
type kept struct {
	mu    sync.Mutex
	lines []string
}

func (k *kept) sink(request string, text []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lines = append(k.lines, request+"="+string(text))
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.lines, "|")
}

// open makes a log and the file that the process writes to.
func open(t *testing.T, sole bool) (*Log, *os.File, *kept) {
	t.Helper()
	k := &kept{}
	l := New(sole, k.sink)
	w, err := l.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		l.Stop(10 * time.Second)
	})
	return l, w, k
}

func TestWhichCallALineBelongsTo(t *testing.T) {
	for _, c := range []struct {
		name    string
		sole    bool
		calling string
		text    string
		want    string
	}{
		{"marks say it", true, "", "init\nFC Invoke Start RequestId: r1\nhello\nFC Invoke End RequestId: r1\nidle\n",
			"=init|r1=FC Invoke Start RequestId: r1|r1=hello|r1=FC Invoke End RequestId: r1|=idle"},
		{"an end with an error is an end", true, "", "FC Invoke Start RequestId: r1\nFC Invoke End RequestId: r1, Error: Unhandled function error\nidle\n",
			"r1=FC Invoke Start RequestId: r1|r1=FC Invoke End RequestId: r1, Error: Unhandled function error|=idle"},
		{"hooks have marks too", true, "", "FC Initialize Start RequestId: i1\nx\nFC Initialize End RequestId: i1\n",
			"i1=FC Initialize Start RequestId: i1|i1=x|i1=FC Initialize End RequestId: i1"},
		{"without marks it is the call that runs", true, "r2", "hello\r\n", "r2=hello"},
		{"among several it is the one that is named", false, "",
			"FC Invoke Start RequestId: r1\nFC Invoke Start RequestId: r2\nno name\nfor r2\nFC Invoke End RequestId: r1\n",
			"r1=FC Invoke Start RequestId: r1|r2=FC Invoke Start RequestId: r2|=no name|r2=for r2|r1=FC Invoke End RequestId: r1"},
		{"a line without an end counts when the process is gone", true, "", "a\nb", "=a|=b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, w, k := open(t, c.sole)
			l.Calling(c.calling)
			io.WriteString(w, c.text)
			w.Close()
			l.Stop(10 * time.Second)
			if got := k.String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestLongLinesAreCut(t *testing.T) {
	l, w, k := open(t, true)
	io.WriteString(w, strings.Repeat("a", 2*maxLine+10)+"\nnext\n")
	w.Close()
	l.Stop(10 * time.Second)
	var got []int
	for _, line := range k.lines {
		got = append(got, len(line)-1)
	}
	if fmt.Sprint(got) != fmt.Sprint([]int{maxLine, maxLine, 10, 4}) {
		t.Errorf("lengths %v", got)
	}
}

func TestTailOfACall(t *testing.T) {
	t.Run("waits for the end mark", func(t *testing.T) {
		l, w, _ := open(t, true)
		c := l.Capture("r1")
		defer c.Close()
		io.WriteString(w, "FC Invoke Start RequestId: r1\none\n")
		go func() {
			time.Sleep(20 * time.Millisecond)
			io.WriteString(w, "FC Invoke End RequestId: r1\nafter\n")
		}()
		got := string(c.Tail(20 * time.Second))
		if want := "FC Invoke Start RequestId: r1\none\nFC Invoke End RequestId: r1\n"; got != want {
			t.Errorf("got %q", got)
		}
	})
	t.Run("does not wait for it for ever", func(t *testing.T) {
		l, w, _ := open(t, true)
		c := l.Capture("r1")
		defer c.Close()
		io.WriteString(w, "FC Invoke Start RequestId: r1\none\n")
		if got := string(c.Tail(30 * time.Millisecond)); got != "FC Invoke Start RequestId: r1\none\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("has everything written so far without marks, the line without an end too", func(t *testing.T) {
		l, w, _ := open(t, true)
		l.Calling("r1")
		c := l.Capture("r1")
		defer c.Close()
		io.WriteString(w, "one\ntw")
		if got := string(c.Tail(20 * time.Second)); got != "one\ntw" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("is the last 4 KiB", func(t *testing.T) {
		l, w, _ := open(t, true)
		l.Calling("r1")
		c := l.Capture("r1")
		defer c.Close()
		io.WriteString(w, strings.Repeat("0123456789abcde\n", 3000)+"last\n")
		got := string(c.Tail(20 * time.Second))
		if len(got) != tailLen || !strings.HasSuffix(got, "abcde\nlast\n") {
			t.Errorf("%d bytes, %q", len(got), got[max(0, len(got)-20):])
		}
	})
	t.Run("among several has the lines that name the call", func(t *testing.T) {
		l, w, _ := open(t, false)
		c := l.Capture("r1")
		defer c.Close()
		io.WriteString(w, "r1 one\nr2 two\nthree\nr1 four\n")
		if got := string(c.Tail(20 * time.Second)); got != "r1 one\nr1 four\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTailOfEverything(t *testing.T) {
	l, w, _ := open(t, true)
	io.WriteString(w, "one\ntwo")
	w.Close()
	l.Stop(10 * time.Second)
	if got := string(l.Tail()); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

func TestStopDoesNotWaitForAPipeThatStaysOpen(t *testing.T) {
	l, w, _ := open(t, true)
	io.WriteString(w, "one\n")
	l.Stop(20 * time.Millisecond)
	if got := string(l.Tail()); got != "one\n" {
		t.Errorf("got %q", got)
	}
}
