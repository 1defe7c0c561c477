package process

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// guardScript keeps the process groups it is told, each as a variable of its own, so that
// thousands cost no more than one; when its input ends, which is when the platform does,
// it kills those that are left. One small shell for the whole driver, in a session of its
// own, so that what kills the platform's group spares it.
const guardScript = `trap '' HUP INT QUIT TERM
while read -r op group; do
	case $op in
	+) eval "g$group=1" ;;
	-) unset "g$group" ;;
	esac
done
set | while IFS='=' read -r name rest; do
	case $name in
	g[0-9]*) kill -s KILL -- "-${name#g}" ;;
	esac
done 2>/dev/null
`

// guard tells the shell of guardScript which groups there are. A nil guard does nothing.
type guard struct {
	mu  sync.Mutex
	in  *os.File
	cmd *exec.Cmd
}

func newGuard() (*guard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", guardScript, "fc-guard")
	cmd.Stdin, cmd.Dir, cmd.Env = r, "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("guard: %w", err)
	}
	return &guard{in: w, cmd: cmd}, nil
}

func (g *guard) add(group int)    { g.tell("+ ", group) }
func (g *guard) remove(group int) { g.tell("- ", group) }

// tell ignores errors: if somebody has killed the guard, the sandboxes go on without.
func (g *guard) tell(op string, group int) {
	if g == nil {
		return
	}
	line := append(strconv.AppendInt([]byte(op), int64(group), 10), '\n')
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = g.in.Write(line)
}

func (g *guard) close() {
	if g == nil {
		return
	}
	g.in.Close()
	_ = g.cmd.Wait() // its status says nothing
}
