package sqlstore

import (
	"context"
	"fmt"
	"sync"

	"github.com/uptrace/bun"

	"github.com/fcstack/fcstack/platform/fc"
)

// batchLimit is how many changes are committed together at most. It bounds how long the
// first of them waits for the last.
const batchLimit = 64

// writer runs what changes something, one after the other, in the order in which it
// came. What came while a transaction was under way shares the next one: the disk is
// waited for once. Whoever comes to a free writer runs the batch for all in it; there is
// no goroutine to own.
//
//	BEGIN  SAVEPOINT work1 RELEASE  SAVEPOINT work2 ROLLBACK TO  …  COMMIT
type writer struct {
	db   *bun.DB       // one connection
	turn chan struct{} // holds one element while a batch runs

	mu      sync.Mutex
	waiting []*job
}

type work func(context.Context, bun.IDB) error

type job struct {
	ctx      context.Context
	work     work
	done     chan struct{}
	err      error // valid once done is closed
	panicked any   // likewise
}

func newWriter(db *bun.DB) *writer { return &writer{db: db, turn: make(chan struct{}, 1)} }

func (w *writer) close() error { return w.db.Close() }

// do runs f in a transaction and commits it if f returns nil. The error of f is returned
// as it is. A ctx that ends while f waits ends the wait; what has begun is carried out.
func (w *writer) do(ctx context.Context, f work) error {
	j := &job{ctx: ctx, work: f, done: make(chan struct{})}
	w.mu.Lock()
	w.waiting = append(w.waiting, j)
	w.mu.Unlock()
	select {
	case <-j.done:
	case w.turn <- struct{}{}:
		w.runUntil(j)
	case <-ctx.Done():
		if w.withdraw(j) {
			return failed(ctx, "wait for other writes", ctx.Err())
		}
		<-j.done
	}
	if j.panicked != nil {
		panic(j.panicked)
	}
	return j.err
}

// withdraw takes back a job that has not begun.
func (w *writer) withdraw(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.waiting {
		if w.waiting[i] == j {
			w.waiting = append(w.waiting[:i:i], w.waiting[i+1:]...)
			return true
		}
	}
	return false
}

func (w *writer) take() []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.waiting), batchLimit)
	batch := w.waiting[:n:n]
	w.waiting = append([]*job(nil), w.waiting[n:]...)
	return batch
}

// runUntil runs batches until j was in one, and lets the next one have its turn.
func (w *writer) runUntil(j *job) {
	defer func() { <-w.turn }()
	for {
		select {
		case <-j.done:
			return
		default:
		}
		w.run(w.take())
	}
}

// run carries out a batch. A job that fails alone is taken back alone; what goes wrong
// with the transaction is the error of all that were to be committed by it.
func (w *writer) run(batch []*job) {
	err := fc.ErrUnavailable // stays if a change ends this goroutine
	defer func() {
		for _, j := range batch {
			if j.err == nil && j.panicked == nil {
				j.err = err
			}
			close(j.done)
		}
	}()
	err = w.commit(batch)
}

func (w *writer) commit(batch []*job) error {
	ctx := context.WithoutCancel(batch[0].ctx)
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return failed(ctx, "begin", err)
	}
	defer tx.Rollback()
	for _, j := range batch {
		if err := j.run(ctx, tx); err != nil {
			return failed(ctx, "write", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// run keeps the job's own failure in it and returns what breaks the transaction.
func (j *job) run(ctx context.Context, tx bun.Tx) error {
	if j.err = failed(j.ctx, "wait for other writes", j.ctx.Err()); j.err != nil {
		return nil //nolint:nilerr // it is this job's alone
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT work"); err != nil {
		return err
	}
	j.call(tx)
	if j.err != nil || j.panicked != nil {
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT work"); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "RELEASE SAVEPOINT work")
	return err
}

// call lets a panic go on where the job came from, not in whoever runs the batch.
func (j *job) call(tx bun.Tx) {
	defer func() { j.panicked = recover() }()
	j.err = j.work(context.WithoutCancel(j.ctx), tx)
}
