// A web server on the first socket that it was given, with nothing in it that knows of wasmlet.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
)

func main() {
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(answer, "hello %s", request.URL.Path)
	})
	http.HandleFunc("/echo", func(answer http.ResponseWriter, request *http.Request) {
		http.NewResponseController(answer).EnableFullDuplex()
		io.Copy(answer, request.Body)
	})
	http.HandleFunc("/count", func(answer http.ResponseWriter, request *http.Request) {
		count, _ := io.Copy(io.Discard, request.Body)
		fmt.Fprint(answer, count)
	})
	http.HandleFunc("/bytes", func(answer http.ResponseWriter, request *http.Request) {
		count, _ := strconv.Atoi(request.URL.Query().Get("n"))
		answer.Write(make([]byte, count))
	})
	http.HandleFunc("/file", func(answer http.ResponseWriter, request *http.Request) {
		os.WriteFile("/tmp/of-web", []byte("from a file"), 0o600)
		http.ServeFile(answer, request, "/tmp/of-web")
	})
	http.HandleFunc("/names", func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprint(answer, os.Getenv("LISTEN_FDS"), " ", os.Getenv("LISTEN_FDNAMES"))
	})
	fmt.Println("serving")
	log.Fatal(http.Serve(listener, nil))
}
