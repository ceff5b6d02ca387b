package main

import (
	"os"
	"strings"
	_ "unsafe" // for go:linkname
)

// start runs the program whose packages were initialised when it was built (see snapshot.py). What Go's runtime and its
// packages read at their own start, when there was nothing to read yet, they read now.
//
// What stays of the build is the seed of Go's own random numbers, by which maps are hashed and iterated over: no more
// than that may come from math/rand.
//
//go:wasmexport _start
func start() {
	readArguments()
	os.Args = arguments()
	for _, item := range variables() {
		name, value, _ := strings.Cut(item, "=")
		os.Setenv(name, value)
	}
	findDirectories()
	main()
}

//go:linkname readArguments runtime.goenvs
func readArguments()

//go:linkname arguments os.runtime_args
func arguments() []string

//go:linkname variables syscall.runtime_envs
func variables() []string

// The initialiser of package syscall that asks for the preopened directories and PWD.
//
//go:linkname findDirectories syscall.init.1
func findDirectories()
