//go:build !linux

package nodeagent

import "time"

func sleepFine(d time.Duration) { time.Sleep(d) }
