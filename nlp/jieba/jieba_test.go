package jieba

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func segmenter(t *testing.T, words ...string) *Segmenter {
	t.Helper()
	s, err := New(words)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func cut(s *Segmenter, text string) []string {
	var words []string
	s.Words(text, func(start, end int) { words = append(words, text[start:end]) })
	return words
}

func TestWords(t *testing.T) {
	s := segmenter(t, "最多跑一次", "一网通办", "容缺受理")
	tests := []struct {
		text string
		want []string // all of them, in any order among other words
		not  []string
	}{
		{"居民身份证补领", []string{"居民", "身份证", "补领"}, nil},
		{"最多跑一次", []string{"最多跑一次"}, nil},
		{"可以容缺受理吗", []string{"容缺受理"}, []string{"容缺"}},
		{"abc123 护照", []string{"abc123", "护照"}, nil},
		{"", nil, nil},
		{"坏\xff字节", nil, []string{"字节"}},
		{"截\x00断", nil, []string{"截", "断"}},
	}
	for _, tt := range tests {
		got := cut(s, tt.text)
		for _, w := range tt.want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: %q lacks %q", tt.text, got, w)
			}
		}
		for _, w := range tt.not {
			if slices.Contains(got, w) {
				t.Errorf("%q: %q has %q", tt.text, got, w)
			}
		}
	}
}

func TestNewRefusesWordsThatWouldBeLostSilently(t *testing.T) {
	for _, w := range []string{"", "两 词", "回车\r", "\ufeff头", "坏\xff"} {
		if _, err := New([]string{w}); !errors.Is(err, ErrBadWord) {
			t.Errorf("New(%q) = %v, want ErrBadWord", w, err)
		}
	}
}

func TestWordsConcurrently(t *testing.T) {
	s := segmenter(t)
	const text = "孩子刚出生户口怎么办理要多少钱"
	want := strings.Join(cut(s, text), "|")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if got := strings.Join(cut(s, text), "|"); got != want {
					t.Errorf("got %s, want %s", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// The embedded dictionaries must be those of the module that go.mod names.
func TestDictionariesAreTheModules(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/yanyiwu/gojieba").Output()
	if err != nil {
		t.Fatalf("go list -m gojieba: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "deps", "cppjieba", "dict")
	for _, name := range []string{"jieba.dict.utf8", "hmm_model.utf8"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := embedded(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from the module's: run make dict", name)
		}
	}
}

func BenchmarkWords(b *testing.B) {
	s, err := New(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const text = "孩子刚出生户口怎么办理要多少钱"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s.Words(text, func(int, int) {})
	}
}
