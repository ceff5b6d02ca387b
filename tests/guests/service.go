// A web server that says who it is and how it is, as it is told by files: whether /flags holds one of a path's name.
package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
)

func main() {
	socket := os.NewFile(3, "listener")
	listener, err := net.FileListener(socket)
	if err != nil {
		log.Fatal(err)
	}
	name := os.Getenv("POD")
	http.HandleFunc("GET /name", func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprint(answer, name)
	})
	http.HandleFunc("GET /health/{flag}", func(answer http.ResponseWriter, request *http.Request) {
		flag := "/flags/" + request.PathValue("flag")
		for _, path := range []string{flag, flag + "-of-" + name} {
			if _, err := os.Stat(path); err == nil {
				http.Error(answer, "there is "+path, http.StatusServiceUnavailable)
			}
		}
	})
	http.HandleFunc("GET /abort/{flag}", func(answer http.ResponseWriter, request *http.Request) {
		if _, err := os.Stat("/flags/" + request.PathValue("flag")); err == nil {
			panic(http.ErrAbortHandler)
		}
	})
	http.HandleFunc("GET /note/{words}", func(answer http.ResponseWriter, request *http.Request) {
		notes, err := os.OpenFile("/flags/notes", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			log.Fatal(err)
		}
		defer notes.Close()
		fmt.Fprintln(notes, request.PathValue("words"), request.Header.Get("X-Noted-By"))
	})
	http.HandleFunc("GET /bytes/{count}", func(answer http.ResponseWriter, request *http.Request) {
		count, err := strconv.Atoi(request.PathValue("count"))
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		piece := bytes.Repeat([]byte("0123456789abcdef"), 4096)
		for ; count > 0; count -= len(piece) {
			answer.Write(piece[:min(count, len(piece))])
		}
	})
	http.HandleFunc("GET /close", func(answer http.ResponseWriter, request *http.Request) {
		listener.Close()
		socket.Close()
	})
	fmt.Println("serving")
	log.Print(http.Serve(listener, nil))
	select {}
}
