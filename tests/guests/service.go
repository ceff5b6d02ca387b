// A web server that says who it is and how it is, as it is told by files: whether /flags holds one of a path's name.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.FileListener(os.NewFile(3, "listener"))
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
	http.HandleFunc("GET /say/{words}", func(answer http.ResponseWriter, request *http.Request) {
		fmt.Println(request.PathValue("words"), request.Header.Get("X-Said-By"))
	})
	http.HandleFunc("GET /close", func(answer http.ResponseWriter, request *http.Request) {
		listener.Close()
		fmt.Println("closed")
	})
	fmt.Println("serving")
	log.Print(http.Serve(listener, nil))
	select {}
}
