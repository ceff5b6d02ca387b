package applets

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"wasmlet.dev/toolbox/network"
	"wasmlet.dev/toolbox/program"
)

const mostRedirects = 10

type download struct {
	process  *program.Process
	options  program.Options
	patience time.Duration
}

// wget fetches by HTTP, to a file, or with -O to another one or to the standard output (-): with -q, -S, -T, -c, -P,
// --header, --post-data and --spider. There is no TLS: it would make the toolbox half as large again.
func wget(process *program.Process) int {
	options, words, err := process.Parse("cH*d:O:P:qST:U:sY:t:", "header=H", "post-data=d", "output-document=O", "quiet=q", "spider=s",
		"timeout=T", "user-agent=U", "server-response=S", "directory-prefix=P", "tries=t", "continue=c")
	if err != nil {
		return badUsage(process, err)
	}
	if len(words) == 0 {
		return usageOf(process)
	}
	wait, err := seconds(options, 'T', 900)
	if err != nil {
		return badUsage(process, fmt.Errorf("invalid number '%s'", options['T']))
	}
	get := &download{process, options, time.Duration(wait) * time.Second}
	for _, word := range words {
		if err := get.fetch(word); err != nil {
			return process.Fail("%s", err)
		}
	}
	return 0
}

func (d *download) fetch(address string) error {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	method, body := "GET", d.options['d']
	if _, posts := d.options['d']; posts {
		method = "POST"
	} else if d.options.Has("s") {
		method = "HEAD"
	}
	for range mostRedirects {
		target, err := url.Parse(address)
		if err != nil || target.Hostname() == "" {
			return fmt.Errorf("bad address '%s'", address)
		}
		response, err := d.request(target, method, body)
		if err != nil {
			return err
		}
		location := response.header.Get("Location")
		if response.code >= 300 && response.code < 400 && location != "" {
			response.close()
			next, err := target.Parse(location)
			if err != nil {
				return fmt.Errorf("bad redirection '%s'", location)
			}
			address = next.String()
			if response.code == 303 {
				method, body = "GET", ""
			}
			continue
		}
		defer response.close()
		if response.code < 200 || response.code > 299 {
			return fmt.Errorf("server returned error: %s", response.line)
		}
		if method == "HEAD" {
			d.tell("remote file exists\n")
			return nil
		}
		return d.save(target, response)
	}
	return errors.New("too many redirections")
}

func (d *download) tell(format string, values ...any) {
	if !d.options.Has("q") {
		d.process.Complain(format, values...)
	}
}

type httpResponse struct {
	line   string
	code   int
	header textproto.MIMEHeader
	body   io.Reader
	length int64 // -1: not known
	close  func() error
}

func (d *download) connect(target *url.URL) (net.Conn, error) {
	if target.Scheme != "http" {
		return nil, fmt.Errorf("not an http url: %s: this wget has no TLS and no FTP", target)
	}
	port := orDefault(target.Port(), "80")
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("bad port '%s'", port)
	}
	d.tell("Connecting to %s (%s)\n", target.Host, net.JoinHostPort(target.Hostname(), port))
	connection, err := network.Dial(d.process.Context, "tcp", target.Hostname(), uint16(number), d.patience)
	if errors.Is(err, network.NotFound) {
		return nil, fmt.Errorf("bad address '%s'", target.Hostname())
	}
	if err != nil {
		return nil, fmt.Errorf("can't connect to remote host (%s): %s", target.Hostname(), program.Reason(err))
	}
	return connection, nil
}

func (d *download) request(target *url.URL, method, body string) (*httpResponse, error) {
	connection, err := d.connect(target)
	if err != nil {
		return nil, err
	}
	connection.SetDeadline(time.Now().Add(d.patience))
	if _, err := io.WriteString(connection, d.head(target, method, body)+body); err != nil {
		connection.Close()
		return nil, fmt.Errorf("error sending request: %s", program.Reason(err))
	}
	reader := bufio.NewReaderSize(connection, 64<<10)
	response, err := readResponse(reader, method == "HEAD")
	if err != nil {
		connection.Close()
		return nil, fmt.Errorf("error getting response: %s", program.Reason(err))
	}
	response.close = connection.Close
	if d.options.Has("S") {
		d.process.Complain("  %s\n", response.line)
		for _, name := range sortedHeader(response.header) {
			d.process.Complain("  %s: %s\n", name, strings.Join(response.header[name], ", "))
		}
	}
	return response, nil
}

func sortedHeader(header textproto.MIMEHeader) []string {
	names := map[string]int{}
	for name := range header {
		names[name] = 1
	}
	return sortedKeys(names)
}

func (d *download) head(target *url.URL, method, body string) string {
	lines := []string{method + " " + target.RequestURI() + " HTTP/1.1", "Host: " + target.Host}
	given := strings.ToLower("\n" + d.options['H'])
	for name, value := range map[string]string{"User-Agent": d.options.Or('U', "Wget"), "Connection": "close"} {
		if !strings.Contains(given, "\n"+strings.ToLower(name)+":") {
			lines = append(lines, name+": "+value)
		}
	}
	if user := target.User; user != nil {
		lines = append(lines, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(user.String())))
	}
	if d.options.Has("H") {
		lines = append(lines, strings.Split(d.options['H'], "\n")...)
	}
	if method == "POST" {
		lines = append(lines, "Content-Length: "+itoa(len(body)))
		if !strings.Contains(given, "\ncontent-type:") {
			lines = append(lines, "Content-Type: application/x-www-form-urlencoded")
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func readResponse(reader *bufio.Reader, headOnly bool) (*httpResponse, error) {
	text := textproto.NewReader(reader)
	for {
		line, err := text.ReadLine()
		if err != nil {
			return nil, err
		}
		words := strings.SplitN(line, " ", 3)
		if len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/") {
			return nil, errors.New("this is no HTTP")
		}
		code, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, errors.New("this is no HTTP")
		}
		header, err := text.ReadMIMEHeader()
		if err != nil && err != io.EOF {
			return nil, err
		}
		if code < 200 && code != 101 {
			continue
		}
		response := &httpResponse{line: line, code: code, header: header, length: -1, body: reader}
		response.frame(reader, headOnly)
		return response, nil
	}
}

func (r *httpResponse) frame(reader *bufio.Reader, headOnly bool) {
	switch length, err := strconv.ParseInt(r.header.Get("Content-Length"), 10, 64); {
	case headOnly:
		r.body = strings.NewReader("")
	case strings.EqualFold(r.header.Get("Transfer-Encoding"), "chunked"):
		r.body = &chunkedReader{reader: reader}
	case err == nil && length >= 0:
		r.body, r.length = io.LimitReader(reader, length), length
	}
}

// chunkedReader reads a body that comes in chunks, each with its size in a line before it.
type chunkedReader struct {
	reader *bufio.Reader
	left   int64
	ended  bool
	begun  bool
}

func (c *chunkedReader) Read(data []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
		if c.ended {
			return 0, io.EOF
		}
	}
	count, err := c.reader.Read(data[:min(int64(len(data)), c.left)])
	c.left -= int64(count)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return count, err
}

func (c *chunkedReader) next() error {
	if c.begun {
		if _, err := c.reader.Discard(2); err != nil {
			return io.ErrUnexpectedEOF
		}
	}
	c.begun = true
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	text, _, _ := strings.Cut(strings.TrimSpace(line), ";")
	c.left, err = strconv.ParseInt(text, 16, 64)
	if err != nil || c.left < 0 {
		return errors.New("bad chunk of the answer's body")
	}
	c.ended = c.left == 0
	return nil
}

func (d *download) save(target *url.URL, response *httpResponse) error {
	output, name, err := d.open(target)
	if err != nil {
		return err
	}
	defer output.Close()
	copied, err := io.Copy(output, response.body)
	if err == nil && response.length >= 0 && copied < response.length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("connection closed prematurely: %s", program.Reason(err))
	}
	d.tell("%-20s %d bytes\n", "'"+name+"' saved", copied)
	return nil
}

func (d *download) open(target *url.URL) (io.WriteCloser, string, error) {
	name, given := d.options['O']
	if name == "-" {
		return standardFile{nil, d.process.Stdout}, "-", nil
	}
	if !given {
		name = path.Base(target.Path)
		if target.Path == "" || strings.HasSuffix(target.Path, "/") {
			name = "index.html"
		}
		name = path.Join(d.options['P'], name)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !given && !d.options.Has("c") {
		flags |= os.O_EXCL
	}
	file, err := d.process.Open(name, flags)
	if err != nil {
		return nil, "", fmt.Errorf("can't open '%s': %s", name, program.Reason(err))
	}
	return file, name, nil
}
