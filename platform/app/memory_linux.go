package app

import "golang.org/x/sys/unix"

// machineMemoryMB is the memory of this machine in MiB; 0 if it cannot be told.
func machineMemoryMB() int {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int(info.Totalram * uint64(info.Unit) >> 20)
}
