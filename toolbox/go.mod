module wasmlet.dev/toolbox

go 1.26.0

require (
	github.com/benhoyt/goawk v1.31.0
	github.com/pmezard/go-difflib v1.0.0
	golang.org/x/net v0.58.0
	golang.org/x/term v0.45.0
	mvdan.cc/sh/v3 v3.14.1
)

require golang.org/x/sys v0.47.0 // indirect
