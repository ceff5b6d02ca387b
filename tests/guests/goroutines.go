// Files, clocks, random numbers, memory and many goroutines, as a program of Go's standard library uses them, below its
// first argument, a directory that it may write to.

package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func useFiles() {
	check(os.MkdirAll("a/b/c", 0o755))
	check(os.WriteFile("a/file", bytes.Repeat([]byte("x"), 100000), 0o600))
	content, err := os.ReadFile("a/file")
	check(err)
	check(os.Rename("a/file", "a/renamed"))
	check(os.Symlink("renamed", "a/symlink"))
	check(os.Link("a/renamed", "a/link"))
	check(os.Truncate("a/renamed", 5))
	check(os.Chtimes("a/renamed", time.Unix(1, 0), time.Unix(2, 0)))
	temporary, err := os.CreateTemp(".", "temporary")
	check(err)
	check(temporary.Sync())
	check(temporary.Close())
	seen := 0
	check(filepath.WalkDir("a", func(_ string, _ fs.DirEntry, err error) error { seen++; return err }))
	check(os.RemoveAll("a"))
	fmt.Println(len(content), "bytes", seen, "names")
}

func useGoroutines() {
	var group sync.WaitGroup
	for each := 0; each < 100; each++ {
		group.Add(1)
		go func() {
			defer group.Done()
			time.Sleep(time.Duration(each%7) * time.Millisecond)
			runtime.Gosched()
		}()
	}
	group.Wait()
	ticker := time.NewTicker(time.Millisecond)
	for each := 0; each < 5; each++ {
		<-ticker.C
	}
}

func useMemory() {
	var kept [][]byte
	for each := 0; each < 50; each++ {
		kept = append(kept, make([]byte, 1<<20))
		runtime.GC()
	}
	_, err := rand.Read(kept[0])
	check(err)
}

func main() {
	check(os.Chdir(os.Args[1]))
	useFiles()
	useGoroutines()
	useMemory()
	fmt.Println("done", time.Now().Year() > 2000)
}
