package fake_test

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/sandbox"
	"github.com/fcstack/fcstack/platform/backend/sandbox/fake"
	"github.com/fcstack/fcstack/platform/fc"
)

func spec(id string) sandbox.Spec { return sandbox.Spec{ID: id, Command: []string{"main"}} }

func TestMainReturningIsTheEnd(t *testing.T) {
	d := fake.New(func(context.Context, *fake.Process) sandbox.Exit { return sandbox.Exit{Code: 3} })
	s, err := d.Start(t.Context(), spec("a"))
	if err != nil {
		t.Fatal(err)
	}
	<-s.Exited()
	if s.Exit() != (sandbox.Exit{Code: 3}) {
		t.Errorf("exit is %+v", s.Exit())
	}
	if ids, _ := d.List(t.Context()); len(ids) != 0 {
		t.Errorf("left: %v", ids)
	}
	if err := errors.Join(s.Terminate(), s.Kill()); err != nil || s.Exit().Code != 3 {
		t.Errorf("after the end: %v, %+v", err, s.Exit())
	}
}

func TestAProcessRunsUntilKilled(t *testing.T) {
	d := fake.New(func(ctx context.Context, p *fake.Process) sandbox.Exit {
		<-p.Terminated()
		<-ctx.Done()
		return sandbox.Exit{}
	})
	s, err := d.Start(t.Context(), spec("a"))
	if err != nil {
		t.Fatal(err)
	}
	if ids, _ := d.List(t.Context()); !slices.Equal(ids, []string{"a"}) {
		t.Errorf("list is %v", ids)
	}
	if _, err := d.Start(t.Context(), spec("a")); !errors.Is(err, fc.ErrExists) {
		t.Errorf("a second one of that name: %v", err)
	}
	p := d.Sandbox("a")
	p.Listen(80)
	p.SetMemoryMB(5)
	if !s.Listens(80) || s.Listens(81) || s.MemoryMB() != 5 {
		t.Error("ports and memory are not what was set")
	}
	if err := errors.Join(s.Terminate(), s.Terminate(), s.Kill(), s.Kill()); err != nil {
		t.Fatal(err)
	}
	<-s.Exited()
	if s.Exit().Signal != 9 {
		t.Errorf("exit is %+v", s.Exit())
	}
}

func TestFilesAreInherited(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	closed := make(chan struct{})
	d := fake.New(func(_ context.Context, p *fake.Process) sandbox.Exit {
		<-closed // the caller's own
		_, err := io.WriteString(p.Spec.Stdout, "out")
		if err == nil {
			_, err = io.WriteString(p.Spec.Files[0], "file")
		}
		if err != nil {
			return sandbox.Exit{Code: 1}
		}
		return sandbox.Exit{}
	})
	sp := spec("a")
	sp.Stdout, sp.Files = w, []*os.File{w}
	s, err := d.Start(t.Context(), sp)
	w.Close()
	close(closed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "outfile" {
		t.Errorf("read %q, %v", got, err)
	}
	if <-s.Exited(); s.Exit().Code != 0 {
		t.Errorf("exit is %+v", s.Exit())
	}
}

func TestStartCanBeRefused(t *testing.T) {
	d := fake.New(nil)
	d.Refuse(fc.ErrInvalid)
	if _, err := d.Start(t.Context(), spec("a")); !errors.Is(err, fc.ErrInvalid) {
		t.Errorf("error is %v", err)
	}
}
