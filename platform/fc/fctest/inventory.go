package fctest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
)

// TestInventory checks an fc.Inventory. open makes an empty one for every test.
func TestInventory(t *testing.T, open func(t *testing.T) fc.Inventory) {
	ids := func(t *testing.T, inv fc.Inventory, pool string) string {
		t.Helper()
		list, err := inv.Nodes(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		s := ""
		for _, n := range list {
			s += string(n.ID) + " "
		}
		return s
	}
	beat := func(t *testing.T, inv fc.Inventory, n fc.NodeInfo) {
		t.Helper()
		if err := inv.Heartbeat(context.WithoutCancel(t.Context()), n); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("nodes that sent a heartbeat are listed, by pool or all", func(t *testing.T) {
		inv := open(t)
		beat(t, inv, fc.NodeInfo{ID: "b", Pool: "vm"})
		beat(t, inv, fc.NodeInfo{ID: "a", Pool: "vm"})
		beat(t, inv, fc.NodeInfo{ID: "c"})
		if got := ids(t, inv, ""); got != "a b c " {
			t.Errorf("all: %q", got)
		}
		if got := ids(t, inv, "vm"); got != "a b " {
			t.Errorf("pool vm: %q", got)
		}
		if got := ids(t, inv, "none"); got != "" {
			t.Errorf("pool none: %q", got)
		}
	})
	t.Run("a heartbeat replaces what was known and is stamped", func(t *testing.T) {
		inv := open(t)
		before := time.Now()
		beat(t, inv, fc.NodeInfo{ID: "a", MemoryMB: 1})
		beat(t, inv, fc.NodeInfo{ID: "a", MemoryMB: 2, Zone: "z", Runtimes: []fc.Runtime{"custom"}})
		list, err := inv.Nodes(t.Context(), "")
		if err != nil || len(list) != 1 {
			t.Fatalf("got %v, %v", list, err)
		}
		n := list[0]
		if n.MemoryMB != 2 || n.Zone != "z" || len(n.Runtimes) != 1 || n.Seen.Before(before) {
			t.Errorf("got %+v", n)
		}
	})
	t.Run("a node without a name is invalid", func(t *testing.T) {
		if err := open(t).Heartbeat(t.Context(), fc.NodeInfo{}); !errors.Is(err, fc.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
}
