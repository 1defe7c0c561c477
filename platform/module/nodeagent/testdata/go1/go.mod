// A module of its own: the Go runtime SDK is what functions use, not the platform.
module example.com/go1

go 1.26.0

require github.com/aliyun/fc-runtime-go-sdk v0.2.7
