package view_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/backend/coordination"
	"github.com/fcstack/fcstack/platform/backend/coordination/etcd"
	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/backend/metadata/sqlstore"
	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/view"
)

// ground is what views stand on: one store and one coordination for several of them,
// as several processes would share them.
type ground struct {
	store        metadata.Store
	coordination coordination.Service
}

func open(t *testing.T) ground {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(dir, "metadata.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	service, err := etcd.Embed(t.Context(), filepath.Join(dir, "etcd"), etcd.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	if err := store.CreateAccount(t.Context(), &fc.Account{ID: "1"}); err != nil {
		t.Fatal(err)
	}
	return ground{store, service}
}

// view makes a view that is kept current until the test ends.
func (g ground) view(t *testing.T) *view.View {
	t.Helper()
	v := view.New(view.Deps{Store: g.store, Coordination: g.coordination, Log: slog.New(slog.DiscardHandler)})
	if err := v.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() { v.Run(ctx) })
	t.Cleanup(func() { cancel(); wait.Wait() })
	return v
}

func (g ground) function(t *testing.T, name string) *fc.Function {
	t.Helper()
	f := &fc.Function{Account: "1", Name: name, ID: name, Runtime: "custom", Timeout: time.Second}
	if err := g.store.CreateFunction(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f
}

func (g ground) trigger(t *testing.T, function, name, subdomain string) {
	t.Helper()
	err := g.store.CreateTrigger(t.Context(), &fc.Trigger{Account: "1", Function: function, Name: name, Type: fc.TriggerHTTP, Subdomain: subdomain, HTTP: &fc.HTTPTrigger{}})
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("not so after 30 s: %s", what)
		}
		time.Sleep(time.Millisecond) // between two looks; nothing depends on it
	}
}

func TestAWriterSeesItsOwnWriteAfterSync(t *testing.T) {
	g := open(t)
	v := g.view(t)
	g.function(t, "f")
	if err := v.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Resolve("1", "f", ""); err != nil {
		t.Error(err)
	}
	if err := g.store.DeleteFunction(t.Context(), "1", "f"); err != nil {
		t.Fatal(err)
	}
	if err := v.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Resolve("1", "f", ""); !errors.Is(err, fc.ErrFunctionNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestOtherViewsFollow(t *testing.T) {
	g := open(t)
	writer, reader := g.view(t), g.view(t)
	for i := range 20 {
		name := fmt.Sprint("f", i)
		g.function(t, name)
		if err := writer.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the other view has "+name, func() bool {
			_, err := reader.Resolve("1", name, fc.Latest)
			return err == nil
		})
	}
}

func TestAChangeThatNobodyAnnouncedIsFound(t *testing.T) {
	g := open(t)
	v := g.view(t)
	g.function(t, "f") // and the writer dies before it can announce it
	eventually(t, "the view has f", func() bool {
		_, err := v.Resolve("1", "f", "")
		return err == nil
	})
}

func TestLoadTakesUpWhatIsThere(t *testing.T) {
	g := open(t)
	g.function(t, "f")
	g.trigger(t, "f", "t", "f-1")
	if err := g.store.CreateAccessKey(t.Context(), &fc.AccessKey{ID: "AK", Secret: "s", Account: "1"}); err != nil {
		t.Fatal(err)
	}
	v := g.view(t)
	if _, err := v.Resolve("1", "f", ""); err != nil {
		t.Error(err)
	}
	if route, ok := v.Route("f-1"); !ok || route.Name != "t" {
		t.Errorf("route %+v, %t", route, ok)
	}
	if key, ok := v.AccessKey("AK"); !ok || key.Secret != "s" {
		t.Errorf("key found: %t", ok)
	}
	if _, ok := v.AccessKey("BK"); ok {
		t.Error("a key that nobody made was found")
	}
}

func TestRoutesComeAndGoWithTheirTriggers(t *testing.T) {
	g := open(t)
	v := g.view(t)
	g.function(t, "f")
	g.trigger(t, "f", "a", "sub")
	sync := func() {
		t.Helper()
		if err := v.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sync()
	if _, ok := v.Route("sub"); !ok {
		t.Fatal("no route")
	}
	if err := g.store.DeleteTrigger(t.Context(), "1", "f", "a"); err != nil {
		t.Fatal(err)
	}
	g.trigger(t, "f", "b", "sub") // takes the subdomain over
	sync()
	if route, ok := v.Route("sub"); !ok || route.Name != "b" {
		t.Errorf("route %+v, %t", route, ok)
	}
	if err := g.store.DeleteFunction(t.Context(), "1", "f"); err != nil {
		t.Fatal(err)
	}
	sync()
	if _, ok := v.Route("sub"); ok {
		t.Error("the route outlived its function")
	}
}

func TestQualifiersThatDoNotExist(t *testing.T) {
	g := open(t)
	g.function(t, "f")
	v := g.view(t)
	for _, c := range []struct {
		function, qualifier string
		want                error
	}{
		{"g", "", fc.ErrFunctionNotFound}, {"f", "1", fc.ErrVersionNotFound}, {"f", "prod", fc.ErrAliasNotFound},
		{"f", "", nil}, {"f", fc.Latest, nil},
	} {
		if _, err := v.Resolve("1", c.function, c.qualifier); !errors.Is(err, c.want) {
			t.Errorf("%s@%s: got %v, want %v", c.function, c.qualifier, err, c.want)
		}
	}
	if _, err := v.Resolve("2", "f", ""); !errors.Is(err, fc.ErrFunctionNotFound) {
		t.Errorf("another account's function: %v", err)
	}
}

func TestAReplacedRevisionIsStale(t *testing.T) {
	g := open(t)
	g.function(t, "f")
	v := g.view(t)
	old, err := v.Resolve("1", "f", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.store.UpdateFunction(t.Context(), "1", "f", func(f *fc.Function) error { f.Description = "new"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Current(old.Ref()); err != nil {
		t.Errorf("before the view knows: %v", err)
	}
	if err := v.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Current(old.Ref()); !errors.Is(err, fc.ErrStale) {
		t.Errorf("got %v", err)
	}
}

func TestWatchersHearOfFunctions(t *testing.T) {
	g := open(t)
	v := view.New(view.Deps{Store: g.store, Coordination: g.coordination, Log: slog.New(slog.DiscardHandler)})
	heard := make(chan string, 10)
	v.OnChange(func(account, function string) { heard <- account + "/" + function })
	if err := v.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.function(t, "f")
	if err := v.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != "1/f" {
		t.Errorf("heard of %s", got)
	}
}

func TestWritersAtOnceAllSeeTheirOwn(t *testing.T) {
	g := open(t)
	v := g.view(t)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			name := fmt.Sprint("f", i)
			f := &fc.Function{Account: "1", Name: name, ID: name, Timeout: time.Second}
			if err := g.store.CreateFunction(context.Background(), f); err != nil {
				t.Error(err)
				return
			}
			if err := v.Sync(context.Background()); err != nil {
				t.Error(err)
			}
			if _, err := v.Resolve("1", name, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}
