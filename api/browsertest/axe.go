package browsertest

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

// An Axe is axe-core, ready to check pages.
type Axe string

// NewAxe fetches axe-core; without it the test is skipped, in CI it fails.
func NewAxe(t *testing.T) Axe {
	t.Helper()
	script, err := fetchAxe(t.Context())
	if err != nil {
		lacking(t, fmt.Sprintf("axe-core cannot be had (%v): put %s into the cache folder by hand, or let this machine reach registry.npmjs.org", err, axeURL))
	}
	return Axe(script)
}

// Check runs axe-core on the page as it is: it finds nothing serious or
// critical. The state says which page in which state this is.
func (a Axe) Check(w *Window, state string) {
	w.Helper()
	const run = `axe.run(document, { resultTypes: ['violations'], preload: false }).then((r) => r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
		.map((v) => v.impact + ' ' + v.id + ': ' + v.nodes.map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message || n.failureSummary)).slice(0, 4).join('; ')))`
	w.Do(string(a))
	bad, err := chromedp.Run(w.ctx, chromedp.Evaluate[[]string](run, chromedp.EvalAwaitPromise))
	if err != nil {
		w.Fatalf("%s: %v", state, err)
	}
	for _, v := range bad {
		w.Errorf("%s: %s", state, v)
	}
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
