package etcd

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// harmless are messages of the first seconds of a new server, which looks for the term
// of its data before it has written any and finds it when it looks again.
var harmless = map[string]bool{
	"Failed to detect schema version":  true,
	"failed to update storage version": true,
}

// zapTo is a zap logger whose warnings and errors go to log. While quiet holds, only
// errors do: a server that starts or ends warns of many things that are meant to be so.
func zapTo(log *slog.Logger, quiet *atomic.Bool) *zap.Logger {
	return zap.New(bridge{handler: log.Handler(), quiet: quiet})
}

type bridge struct {
	handler slog.Handler
	quiet   *atomic.Bool
}

func (b bridge) Enabled(level zapcore.Level) bool {
	if b.quiet.Load() && level < zapcore.ErrorLevel {
		return false
	}
	return level >= zapcore.WarnLevel && b.handler.Enabled(context.Background(), slogLevel(level))
}

func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	b.handler = b.handler.WithAttrs(attrs(fields))
	return b
}

func (b bridge) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) && !harmless[e.Message] {
		return checked.AddCore(e, b)
	}
	return checked
}

func (b bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slogLevel(e.Level), "etcd: "+e.Message, 0)
	r.AddAttrs(attrs(fields)...)
	return b.handler.Handle(context.Background(), r)
}

func (b bridge) Sync() error { return nil }

func slogLevel(level zapcore.Level) slog.Level {
	switch {
	case level >= zapcore.ErrorLevel:
		return slog.LevelError
	case level == zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func attrs(fields []zapcore.Field) []slog.Attr {
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	list := make([]slog.Attr, 0, len(fields))
	for _, f := range fields {
		if v, ok := m.Fields[f.Key]; ok {
			list = append(list, slog.Any(f.Key, v))
		}
	}
	return list
}
