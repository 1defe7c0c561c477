package sqlstore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fcstack/fcstack/platform/backend/metadata"
	"github.com/fcstack/fcstack/platform/backend/metadata/sqlstore"
	"github.com/fcstack/fcstack/platform/fc"
)

// writeForever names the database that this binary, started again by the test below,
// writes to until it is killed.
const writeForever = "FC_TEST_SQLSTORE_WRITE"

func TestMain(m *testing.M) {
	if file := os.Getenv(writeForever); file != "" {
		writeUntilKilled(file)
	}
	os.Exit(m.Run())
}

// writeUntilKilled says the name of every function on stdout once it is stored.
func writeUntilKilled(file string) {
	ctx := context.Background()
	s, err := sqlstore.OpenSQLite(ctx, file, sqlstore.Options{Key: key})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var out sync.Mutex
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				f := &fc.Function{Account: "1", Name: fmt.Sprintf("f-%d-%d-%d", os.Getpid(), w, i), Env: map[string]string{"A": "B"}}
				err := s.CreateFunction(ctx, f)
				if err == nil {
					err = s.CreateTrigger(ctx, &fc.Trigger{Account: "1", Function: f.Name, Name: "t"})
				}
				out.Lock()
				if err != nil {
					fmt.Println("error", err)
				}
				fmt.Println(f.Name)
				out.Unlock()
			}
		}()
	}
	select {}
}

func TestEveryAcknowledgedWriteSurvivesAKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.db")
	var acknowledged []string
	for round := range 4 {
		acknowledged = append(acknowledged, runAndKill(t, file, 10+round*17)...)
		s, err := sqlstore.OpenSQLite(t.Context(), file, sqlstore.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		checkWhole(t, s, acknowledged)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// runAndKill lets a process write, kills it after so many acknowledged writes and
// returns these and those it had managed to say before it died.
func runAndKill(t *testing.T, file string, after int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writeForever+"="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break // what is left is half a line
		}
		if strings.HasPrefix(line, "error") {
			t.Error(line)
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
		if len(lines) == after {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(lines) < after {
		t.Fatalf("the process ended after %d writes", len(lines))
	}
	return lines
}

// checkWhole wants every acknowledged function with its trigger, and for each object
// that is there its row in the change log.
func checkWhole(t *testing.T, s metadata.Store, acknowledged []string) {
	t.Helper()
	for _, name := range acknowledged {
		f, err := s.Function(t.Context(), "1", name)
		if err != nil || f.Env["A"] != "B" {
			t.Errorf("function %s: %+v, %v", name, f, err)
		}
		if _, err := s.Trigger(t.Context(), "1", name, "t"); err != nil {
			t.Errorf("trigger of %s: %v", name, err)
		}
	}
	functions, err := s.ListFunctions(t.Context(), metadata.Query{})
	if err != nil {
		t.Fatal(err)
	}
	triggers, err := s.ListTriggers(t.Context(), "", metadata.Query{})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := s.ListChanges(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != len(functions)+len(triggers) {
		t.Errorf("%d changes for %d functions and %d triggers", len(changes), len(functions), len(triggers))
	}
}
