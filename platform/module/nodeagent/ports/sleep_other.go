//go:build !linux

package ports

import "time"

func sleepFine(d time.Duration) { time.Sleep(d) }
