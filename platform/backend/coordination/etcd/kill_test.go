package etcd

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/coordination"
)

// announceForever names the directory of the embedded etcd that this binary, started
// again by the test below, announces to until it is killed.
const announceForever = "FC_TEST_ETCD_ANNOUNCE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(announceForever); dir != "" {
		announceUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func announceUntilKilled(dir string) {
	ctx := context.Background()
	s, err := Embed(ctx, dir, Options{})
	if err != nil {
		panic(err)
	}
	if _, err := s.Join(ctx, "group", coordination.Member{ID: "dead"}); err != nil {
		panic(err)
	}
	for revision := int64(1); ; revision++ {
		if err := s.Announce(ctx, "feed", revision); err != nil {
			panic(err)
		}
		fmt.Println(revision)
	}
}

func TestAKilledProcessLosesNothingItAnnounced(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		said := announceAndKill(t, dir, 20+round*130)
		s := embedIn(t, dir, Options{Log: silent})
		follow := func(ctx context.Context, seen func(int64)) error { return s.Follow(ctx, "feed", seen) }
		if got := first(t, follow); got < said {
			t.Errorf("the feed is at %d, %d had been announced", got, said)
		}
		members := func(ctx context.Context, seen func([]coordination.Member)) error {
			return s.Members(ctx, "group", seen)
		}
		if got := first(t, members); len(got) != 0 {
			t.Errorf("the dead are there: %v", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// announceAndKill returns the last revision that the process had announced. A process
// that is started again begins below the feed and counts up to it first.
func announceAndKill(t *testing.T, dir string, after int) (last int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), announceForever+"="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	in, n := bufio.NewReader(out), 0
	for ; ; n++ {
		line, err := in.ReadString('\n')
		if err != nil {
			break // what is left is half a line
		}
		if last, err = strconv.ParseInt(strings.TrimSpace(line), 10, 64); err != nil {
			t.Error(err)
		}
		if n == after {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if n < after {
		t.Fatalf("the process ended after %d announcements", n)
	}
	return last
}
