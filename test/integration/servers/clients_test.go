//go:build servers && linux

package servers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Clients, each of which makes one request with a connection of its own, and returns the answer.

func (a *app) address() string { return fmt.Sprintf("127.0.0.1:%d", a.port) }

func askHTTP(a *app) (string, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + a.address() + "/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	return string(body), err
}

// askRedis sends PING, or other commands.
func askRedis(a *app, commands ...string) (string, error) {
	conn, err := net.Dial("tcp", a.address())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	answers := bufio.NewReader(conn)
	line := ""
	for _, command := range commands {
		if _, err = io.WriteString(conn, command+"\r\n"); err != nil {
			return "", err
		}
		if line, err = answers.ReadString('\n'); err != nil {
			return "", err
		}
		if !strings.HasPrefix(line, "+") {
			return "", fmt.Errorf("%s: %q", command, line)
		}
	}
	return line, nil
}

func pingRedis(a *app) (string, error) { return askRedis(a, "PING") }

func askPostgres(a *app) (string, error) {
	out, err := a.as(uid, "psql", "-h", "127.0.0.1", "-p", fmt.Sprint(a.port), "-U", "postgres", "-Atc", "show app.text").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func askDNS(a *app) (string, error) {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", a.address())
	}}
	texts, err := r.LookupTXT(context.Background(), "app.test.")
	return strings.Join(texts, " "), err
}

// cgi is a request for the status page that PHP-FPM itself answers.
var cgi = []string{"env", "SCRIPT_NAME=/ping", "SCRIPT_FILENAME=/ping", "REQUEST_METHOD=GET", "cgi-fcgi", "-bind", "-connect", "127.0.0.1:{port}"}

func askFPM(a *app) (string, error) {
	var argv []string
	for _, word := range cgi {
		argv = append(argv, a.expand(word))
	}
	out, err := a.as(uid, argv...).CombinedOutput()
	_, body, found := strings.Cut(string(out), "\r\n\r\n")
	if err != nil || !found {
		err = fmt.Errorf("%v: %s", err, out)
	}
	return strings.TrimSpace(body), err
}
