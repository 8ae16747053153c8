package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestImportedPayloads: what a department's file carries is text on every
// page, from the import through the index to the browser.
func TestImportedPayloads(t *testing.T) {
	t.Parallel()
	const x = `<img src=x onerror="alert(1)"><script>alert(1)</script>`
	dir := t.TempDir()
	file := filepath.Join(dir, "guides.jsonl")
	guide := func(code string) map[string]any {
		return map[string]any{"code": code, "name": "养猫登记" + code + x, "shortName": "养猫" + x, "aliases": []string{"猫证" + x}, "parent": "养猫" + x, "situation": x,
			"kind": x, "process": x, "agency": map[string]any{"name": x}, "region": map[string]any{"code": "440100", "name": x},
			"condition": x, "materials": []any{map[string]any{"name": x, "kind": x, "form": x, "need": x, "source": x, "note": x, "when": x, "blank": "https://a.example/" + x}},
			"steps": []string{x, x}, "visitReason": x, "fee": map[string]any{"charged": true, "items": []any{map[string]any{"name": x, "amount": x, "basis": x}}},
			"places": []any{map[string]any{"name": x, "address": x, "hours": x, "phone": x}}, "contact": x, "complaint": x, "channel": x, "result": x, "validity": x, "scope": x,
			"basis": []any{map[string]any{"name": x, "number": x, "article": x, "text": x}}, "faqs": []any{map[string]any{"q": x, "a": x}},
			"related": []string{"1", "2"}, "source": map[string]any{"url": "https://a.example/?" + x, "updated": "2026-05-12"}}
	}
	lines := []any{guide("1"), guide("2"),
		map[string]any{"type": "bundle", "id": "B", "name": "养猫一件事" + x, "stage": x, "steps": []any{map[string]any{"matter": "1", "name": x, "note": x}, map[string]any{"matter": "2", "after": []string{"1"}}}},
		map[string]any{"type": "faq", "id": "F", "question": "养猫要打针吗" + x, "answer": "要" + x, "matter": "1"},
		map[string]any{"type": "region", "code": "440199", "name": x}}
	var text strings.Builder
	for _, l := range lines {
		if err := json.NewEncoder(&text).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	must(t, "import", "-data", data, file)
	s := serving(t, data)
	defer s.stop(t)
	alive := regexp.MustCompile(`(?i)<img|<script>|onerror="`)
	for _, path := range []string{"/", "/?q=" + url.QueryEscape("养猫登记怎么办"), "/?q=" + url.QueryEscape("养猫要打针吗"), "/?q=" + url.QueryEscape("养猫一件事"), "/?q=" + url.QueryEscape(x),
		"/search?q=" + url.QueryEscape("养猫"), "/search?q=" + url.QueryEscape(x), "/matters/1", "/events", "/events/B", "/message?matter=1&q=" + url.QueryEscape(x), "/matters/1?script=hant"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		if closeErr := resp.Body.Close(); err != nil || closeErr != nil {
			t.Fatal(err, closeErr)
		}
		if m := alive.FindString(string(page)); m != "" || resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "</html>") {
			t.Errorf("%s: status %d, %q on the page", path, resp.StatusCode, m)
		}
		if path == "/matters/1" && strings.Count(string(page), "&lt;script&gt;") < 30 {
			t.Errorf("%s shows the payload only %d times: fields are missing", path, strings.Count(string(page), "&lt;script&gt;"))
		}
	}
}
