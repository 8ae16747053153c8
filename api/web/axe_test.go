package web_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The release of axe-core (MPL-2.0) that checks the pages. It is fetched once
// into the user's cache and never becomes part of the program.
const (
	axeURL = "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz"
	axeSum = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
)

// axeScript is the script of axe-core.
func axeScript(t *testing.T) string {
	t.Helper()
	script, err := fetchAxe(t.Context())
	if err == nil {
		return script
	}
	missing := fmt.Sprintf("axe-core cannot be had (%v): put %s into the cache folder by hand, or let this machine reach registry.npmjs.org", err, axeURL)
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

func fetchAxe(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	file := filepath.Join(cache, "govqa", filepath.Base(axeURL))
	packed, err := os.ReadFile(file)
	if err != nil || sum(packed) != axeSum {
		if packed, err = download(ctx, axeURL); err != nil {
			var npmErr error
			if packed, npmErr = npmPack(ctx); npmErr != nil { // npm may know another registry
				return "", errors.Join(err, npmErr)
			}
		}
		if got := sum(packed); got != axeSum {
			return "", fmt.Errorf("sha256 is %s, want %s", got, axeSum)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, packed, 0o644)); err != nil {
			return "", err
		}
	}
	return unpack(packed, "package/axe.min.js")
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func download(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 10<<20))
}

// npmPack fetches the archive as npm is set up on this machine.
func npmPack(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "axe")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "axe-core@4.14.1")
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("npm pack: %w", err)
	}
	return os.ReadFile(filepath.Join(dir, filepath.Base(axeURL)))
}

func unpack(packed []byte, name string) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(z); ; {
		head, err := files.Next()
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if head.Name == name {
			body, err := io.ReadAll(files)
			return string(body), err
		}
	}
}

// testAxe runs axe-core on every page in every state: it finds nothing
// serious or critical, in the light, in the dark, and in large type.
func testAxe(parent context.Context, t *testing.T) {
	script := axeScript(t)
	slow := make(chan struct{})
	defer close(slow)
	b := open(parent, t, serve(t, &engine{known: answers(), slow: slow}), "/about", 360, 740)
	const run = `axe.run(document, { resultTypes: ['violations'], preload: false }).then((r) => r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
		.map((v) => v.impact + ' ' + v.id + ': ' + v.nodes.map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message || n.failureSummary)).slice(0, 4).join('; ')))`
	check := func(state string) {
		b.do(script)
		bad, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](run, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		for _, v := range bad {
			t.Errorf("%s: %s", state, v)
		}
	}
	states := []string{"/?", "/?q=居住证要什么材料", "/?q=我要落户", "/?q=去月球", "/?q=家里着火了", "/?q=要收费吗", "/?q=出错",
		"/matters/AL%2FJZ%20001?", "/matters/none?", "/search?", "/search?q=居住证", "/search?q=去月球",
		"/events?", "/events?region=990121", "/events/AL-B-1?", "/message?matter=AL%2FJZ%20001", "/message/look-up?", "/about?", "/widget?"}
	for _, path := range states {
		b.visit(path + "&region=&large=0")
		check("light " + path)
	}
	// The colours and sizes are the same on all pages: these have them all.
	for _, path := range []string{"/?q=居住证要什么材料", "/?q=家里着火了", "/matters/AL%2FJZ%20001?"} {
		b.dark()
		b.visit(path + "&large=0")
		check("dark " + path)
		b.light()
		b.visit(path + "&large=1")
		check("large " + path)
	}
	b.visit("/?large=0")
	b.ask("居住")
	b.until(oneAnswer)
	check("an answer by script")
	b.click(".rate summary")
	check("the reasons not to be satisfied")
	b.visit("/#welcome")
	b.until("!document.getElementById('asked').hidden")
	check("what the device remembers")
	b.do("document.getElementById('q').focus()")
	b.keys("居住")
	b.until("!document.getElementById('hints').hidden")
	check("suggestions")
	b.say("慢慢来")
	b.until("document.querySelector('#pending .wait') !== null")
	check("an answer under way")
	b.click("#stop")
	b.until("document.querySelector('#log .sorry') !== null")
	check("an answer that was stopped")
	b.visit("/message")
	b.click("#letter .btn.main")
	b.until("document.querySelector('#text[aria-invalid=true]') !== null")
	check("a message with a fault")
	b.do("document.getElementById('text').value = '几点开门'; document.getElementById('letter').requestSubmit()")
	b.until("document.getElementById('number') !== null")
	check("a receipt")
	b.visit("/widget")
	b.click("[aria-haspopup=dialog]")
	check("the widget open")
}
