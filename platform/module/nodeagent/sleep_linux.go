package nodeagent

import (
	"syscall"
	"time"
)

// sleepFine sleeps to within some microseconds, holding a thread meanwhile.
func sleepFine(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // interrupted is short, which is fine
}
