package app

import "golang.org/x/sys/unix"

// machineMemoryMB is the memory of this machine in MiB; 0 if it cannot be told.
func machineMemoryMB() int {
	bytes, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int(bytes >> 20)
}
