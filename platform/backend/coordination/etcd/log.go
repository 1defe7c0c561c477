package etcd

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quietLogger passes on what etcd thinks an operator has to know: errors. Its warnings
// are mostly about a slow disk and come by the hundred.
func quietLogger(log *slog.Logger) *zap.Logger {
	return zap.New(&bridge{log: log})
}

// bridge is a zap core that writes to slog.
type bridge struct{ log *slog.Logger }

func (b *bridge) Enabled(l zapcore.Level) bool {
	return l >= zapcore.ErrorLevel || b.log.Enabled(context.Background(), slog.LevelDebug) && l >= zapcore.WarnLevel
}

func (b *bridge) With([]zapcore.Field) zapcore.Core { return b }

func (b *bridge) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return c.AddCore(e, b)
	}
	return c
}

func (b *bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(values)
	}
	level := slog.LevelDebug
	// In a fresh directory the storage version is written at the second try.
	if e.Level >= zapcore.ErrorLevel && e.Message != "failed to update storage version" {
		level = slog.LevelError
	}
	b.log.Log(context.Background(), level, "etcd: "+e.Message, "fields", values.Fields)
	return nil
}

func (b *bridge) Sync() error { return nil }
