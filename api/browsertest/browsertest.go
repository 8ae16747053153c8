// Package browsertest drives a real browser in the tests of pages: it finds
// and starts Chromium, opens windows that are strangers to each other, types,
// clicks, waits, takes pictures and runs axe-core.
//
// Where Chromium is missing a test is skipped and says how to install it; in
// CI it fails. With -args -shots DIR the tests leave pictures of the pages in
// DIR.
package browsertest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

var shots = flag.String("shots", "", "folder for pictures of the pages")

// Shooting reports whether pictures are wanted.
func Shooting() bool { return *shots != "" }

// FitsItsPage is true where nothing scrolls sideways.
const FitsItsPage = "document.documentElement.scrollWidth <= innerWidth"

// A window lives as long, and Until waits as long at most.
const (
	lifetime = 2 * time.Minute
	patience = 16 * time.Second
	tick     = 40 * time.Millisecond
)

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	lacking(t, "no browser on PATH: apt-get install chromium fonts-noto-cjk")
	return ""
}

// lacking ends a test for want of something: in CI it has failed.
func lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Start starts the browser whose windows the tests of a package share; it
// ends with the test.
func Start(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser; it runs without -short")
	}
	if testing.Short() {
		t.Skip("browser tests are slow")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(findChromium(t)),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-software-rasterizer", true), chromedp.Flag("disable-site-isolation-trials", true))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("browser: %v", err)
	}
	return ctx
}

// A Window is one window of the browser, with cookies and storage of its own.
// What goes wrong in one of its methods fails the test.
type Window struct {
	*testing.T
	// Base is the address that paths are relative to.
	Base string

	ctx  context.Context
	mu   sync.Mutex
	said []string // errors on the console and exceptions
}

// Open opens a page in a fresh window of the given size.
func Open(browser context.Context, t *testing.T, base, path string, width, height int64) *Window {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, lifetime)
	t.Cleanup(stop)
	w := &Window{T: t, ctx: ctx, Base: base}
	if err := chromedp.Listen(ctx, w.listen); err != nil {
		t.Fatalf("browser: %v", err)
	}
	w.Size(width, height)
	w.Light()
	w.Visit(path)
	return w
}

func (w *Window) listen(ev any) {
	var said string
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		said = fmt.Sprint("exception: ", ev.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if ev.Type == "error" || ev.Type == "warning" {
			said = fmt.Sprint("console: ", ev.Args)
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError {
			said = ev.Entry.Text + " " + ev.Entry.URL
		}
	}
	if said != "" {
		w.mu.Lock()
		w.said = append(w.said, said)
		w.mu.Unlock()
	}
}

// errors are what the console has said so far.
func (w *Window) errors() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.said...)
}

// Quiet checks that nothing went wrong on the console so far.
func (w *Window) Quiet() {
	w.Helper()
	if diff := cmp.Diff([]string(nil), w.errors()); diff != "" {
		w.Errorf("the console has errors (-want +got):\n%s", diff)
	}
}

// Refused waits until the browser has said that something is not allowed.
func (w *Window) Refused(why string) {
	w.Helper()
	for range 200 {
		if strings.Contains(strings.Join(w.errors(), "\n"), why) {
			return
		}
		w.Pause()
	}
	w.Errorf("the browser has not refused anything because of %s: %q", why, w.errors())
}

// Call sends one command of the browser's protocol.
func Call[P, R any](w *Window, cmd cdp.Command[P, R], params P) {
	w.Helper()
	if _, err := chromedp.Call(w.ctx, cmd, params); err != nil {
		w.Fatalf("browser: %v", err)
	}
}

// Size makes the window as wide and high; below 600 px it is a phone.
func (w *Window) Size(width, height int64) {
	w.Helper()
	Call(w, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
}

// Dark asks for dark pages.
func (w *Window) Dark() { w.Helper(); w.scheme("dark") }

// Light asks for light pages, as Open does.
func (w *Window) Light() { w.Helper(); w.scheme("light") }

func (w *Window) scheme(name string) {
	w.Helper()
	Call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		// Without motion the page is still as soon as it has scrolled.
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
}

// NoScript switches JavaScript off.
func (w *Window) NoScript() {
	w.Helper()
	Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// Before runs a script before each page's own.
func (w *Window) Before(js string) {
	w.Helper()
	Call(w, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: js})
}

// Network makes the browser's network worse. It sends the command that older
// and newer browsers know; the library has only its successor.
func (w *Window) Network(p network.OverrideNetworkStateParams) {
	w.Helper()
	Call(w, cdp.Command[network.OverrideNetworkStateParams, cdp.Empty]{Method: "Network.emulateNetworkConditions"}, p)
}

// Offline cuts the browser off, or lets it back.
func (w *Window) Offline(on bool) {
	w.Helper()
	w.Network(network.OverrideNetworkStateParams{Offline: on, DownloadThroughput: -1, UploadThroughput: -1})
}

// Act does what a person does with a page.
func (w *Window) Act(actions ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	if err := chromedp.Do(w.ctx, actions...); err != nil {
		w.Fatalf("browser: %v", err)
	}
}

// Visit goes to a path below Base.
func (w *Window) Visit(path string) {
	w.Helper()
	w.Act(chromedp.Navigate(w.Base + path))
}

// Reload loads the page again.
func (w *Window) Reload() {
	w.Helper()
	w.Act(chromedp.Reload())
}

// Click clicks on the first element of a CSS selector.
func (w *Window) Click(selector string) {
	w.Helper()
	w.Act(chromedp.Click(chromedp.CSS(selector)))
}

// Fill types into the element of a CSS selector.
func (w *Window) Fill(selector, text string) {
	w.Helper()
	w.Act(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Keys types keys one after the other, wherever the focus is.
func (w *Window) Keys(keys ...string) {
	w.Helper()
	w.Act(chromedp.KeyEvent(strings.Join(keys, "")))
}

// Chord presses a key while others are held.
func (w *Window) Chord(key string, held ...chromedp.Modifier) {
	w.Helper()
	w.Act(chromedp.KeyEvent(key, chromedp.KeyModifiers(held...)))
}

// TabTo presses the Tab key until the element with the focus says label or
// has it as its id.
func (w *Window) TabTo(label string) {
	w.Helper()
	for range 80 {
		w.Keys("\t")
		if Eval[string](w, "(document.activeElement.firstChild?.textContent || document.activeElement.id || '').trim()") == label {
			return
		}
	}
	w.Fatalf("%q cannot be reached with the Tab key", label)
}

// Do runs a script.
func (w *Window) Do(js string) {
	w.Helper()
	w.Act(chromedp.Evaluate[chromedp.Void](js))
}

// Eval gives back what a script comes to.
func Eval[T any](w *Window, js string) T {
	w.Helper()
	v, err := chromedp.Run(w.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		w.Fatalf("browser: %s: %v", js, err)
	}
	return v
}

// Until waits until an expression is true. It asks again and again from
// outside: the page may be left for the next one meanwhile, and with scripts
// switched off it has no timers.
func (w *Window) Until(js string) {
	w.Helper()
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for range int(patience / tick) {
		if ok, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool]("!!("+js+")")); err == nil && ok {
			return
		}
		<-ticks.C
	}
	w.Fatalf("never true: %s\n%s", js, w.Text("main"))
}

// Pause lets the browser go on for a moment.
func (w *Window) Pause() {
	w.Helper()
	w.Act(chromedp.Evaluate[chromedp.Void]("new Promise((done) => setTimeout(done, 20))", chromedp.EvalAwaitPromise))
}

// Is checks that an expression is true now.
func (w *Window) Is(js string) {
	w.Helper()
	if !Eval[bool](w, js) {
		w.Errorf("not true: %s", js)
	}
}

// Text is what the first element of a CSS selector shows, "" if there is none.
func (w *Window) Text(selector string) string {
	w.Helper()
	return Eval[string](w, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// Shoot keeps a picture of the window if pictures are wanted.
func (w *Window) Shoot(name string) {
	w.Helper()
	if !Shooting() {
		return
	}
	png, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		w.Fatalf("browser: %v", err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o644); err != nil {
		w.Fatal(err)
	}
}
