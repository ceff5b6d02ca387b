package applets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"wasmlet.dev/toolbox/program"
)

const requestPatience = 30 * time.Second

// httpd serves the files below a directory (-h) on a port (-p), by HTTP/1.1, until it is ended.
func httpd(process *program.Process) int {
	options, _, err := process.Parse("fh:p:v")
	if err != nil {
		return badUsage(process, err)
	}
	port, root := options['p'], process.Path(options['h'])
	if port == "" {
		port = "80"
	}
	accepting, err := listener(process, port)
	if err != nil {
		return process.Fail("port %s: %s", port, err)
	}
	process.Printf("httpd: serving %s on port %s\n", root, port)
	for {
		connection, err := accepting.Accept()
		if err != nil {
			return process.Fail("port %s: %s", port, program.Reason(err))
		}
		go serve(connection, root)
	}
}

// serve answers one request: no connection is kept.
func serve(connection net.Conn, root string) {
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(requestPatience))
	answer(connection, connection, root)
}

func answer(input io.Reader, output io.Writer, root string) {
	method, target, err := readRequest(input)
	if err != nil {
		respond(output, "400 Bad Request", "text/plain", strings.NewReader("this is no HTTP request\n"), 24, false)
		return
	}
	if method != "GET" && method != "HEAD" {
		respond(output, "405 Method Not Allowed", "text/plain", strings.NewReader("GET or HEAD\n"), 12, false)
		return
	}
	file, size, err := openBelow(root, target)
	if err != nil {
		respond(output, "404 Not Found", "text/plain", strings.NewReader("not found\n"), 10, method == "HEAD")
		return
	}
	defer file.Close()
	respond(output, "200 OK", contentType(file.Name()), file, size, method == "HEAD")
}

func readRequest(input io.Reader) (method, target string, err error) {
	const longest = 64 << 10
	reader := textproto.NewReader(bufio.NewReader(io.LimitReader(input, longest)))
	line, err := reader.ReadLine()
	if err != nil {
		return "", "", err
	}
	words := strings.Split(line, " ")
	if len(words) != 3 || !strings.HasPrefix(words[2], "HTTP/1.") {
		return "", "", errors.New("not HTTP/1")
	}
	if _, err := reader.ReadMIMEHeader(); err != nil && err != io.EOF {
		return "", "", err
	}
	parsed, err := url.ParseRequestURI(words[1])
	if err != nil {
		return "", "", err
	}
	return words[0], parsed.Path, nil
}

func openBelow(root, target string) (*os.File, int64, error) {
	name := path.Join(root, path.Clean("/"+target))
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		name = path.Join(name, "index.html")
		info, err = os.Stat(name)
	}
	if err != nil {
		return nil, 0, err
	}
	file, err := os.Open(name)
	return file, info.Size(), err
}

func contentType(name string) string {
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}

func respond(output io.Writer, status, kind string, content io.Reader, size int64, headOnly bool) {
	fmt.Fprintf(output, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", status, kind, size)
	if !headOnly {
		io.CopyN(output, content, size)
	}
}
