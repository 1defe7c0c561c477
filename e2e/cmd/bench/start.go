//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// settled is how long a platform is left alone before its memory is looked at.
const settled = 3 * time.Second

// start measures `fc standalone` from exec until it answers, on a fresh directory, and
// what it holds in memory when nothing happens.
func (b *bench) start(ctx context.Context) error {
	var took, memory []float64
	for range b.rounds {
		began := time.Now()
		p, err := b.platform(ctx)
		if err != nil {
			return err
		}
		took = append(took, time.Since(began).Seconds())
		time.Sleep(settled)
		bytes, err := resident(p.PID)
		if err != nil {
			return fmt.Errorf("memory of the platform: %w", err)
		}
		memory = append(memory, float64(bytes)/(1<<20))
		if err := p.Stop(); err != nil {
			return err
		}
	}
	b.table.add("start: exec to ready, fresh directory", median(took), "s", 0, atMost(1.5, "s"))
	b.table.add("start: resident when idle", median(memory), "MiB", 0, atMost(150, "MiB"))
	return nil
}
