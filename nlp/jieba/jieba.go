// Package jieba is the [nlp.Segmenter] that production runs: gojieba with its
// dictionaries embedded in the binary, plus the words of government service.
//
// A Segmenter is never changed while it lives, because gojieba's AddWord and
// RemoveWord corrupt concurrent cuts: another dictionary is another Segmenter.
// It finds nothing on disk by itself, so the binary runs on any machine.
package jieba

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/yanyiwu/gojieba"

	"github.com/govqa/govqa/nlp"
)

// The dictionaries of gojieba's module, compressed (make dict copies them).
//
//go:embed dict/*.gz
var dict embed.FS

// ErrBadWord means that a user dictionary's word cannot be loaded.
var ErrBadWord = errors.New("bad dictionary word")

// A Segmenter cuts text with one immutable dictionary.
type Segmenter struct {
	x *gojieba.Jieba
}

var _ nlp.Segmenter = (*Segmenter)(nil)

// New loads the dictionaries, which takes half a second and 130 MB, together
// with words, each a normalised word without blanks. The caller closes it.
func New(words []string) (*Segmenter, error) {
	dir, err := os.MkdirTemp("", "govqa-dict-")
	if err != nil {
		return nil, fmt.Errorf("segmenter dictionaries: %w", err)
	}
	defer os.RemoveAll(dir) // gojieba reads its files once, at loading
	paths, err := write(dir, words)
	if err != nil {
		return nil, fmt.Errorf("segmenter dictionaries: %w", err)
	}
	return &Segmenter{gojieba.NewJieba(paths...)}, nil
}

// write puts the five files that gojieba wants into dir and returns their
// paths in the order that it wants them.
func write(dir string, extra []string) ([]string, error) {
	user, err := userDict(extra)
	if err != nil {
		return nil, err
	}
	words, err := embedded("jieba.dict.utf8")
	if err != nil {
		return nil, err
	}
	model, err := embedded("hmm_model.utf8")
	if err != nil {
		return nil, err
	}
	files := []struct {
		name    string
		content []byte
	}{
		{"jieba.dict.utf8", words},
		{"hmm_model.utf8", model},
		{"user.dict.utf8", user},
		// Keyword extraction is not used; its two files must only exist.
		{"idf.utf8", []byte("政务 10.0\n")},
		{"stop_words.utf8", []byte("的\n")},
	}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = filepath.Join(dir, f.name)
		if err := os.WriteFile(paths[i], f.content, 0o600); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// embedded returns a dictionary file as gojieba's module has it.
func embedded(name string) ([]byte, error) {
	f, err := dict.Open("dict/" + name + ".gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

// userDict writes words in the form that cppjieba reads. It checks them
// first, because cppjieba drops a malformed line silently or aborts.
func userDict(words []string) ([]byte, error) {
	var b bytes.Buffer
	for _, w := range words {
		if w == "" || !utf8.ValidString(w) || strings.ContainsAny(w, " \t\r\n\x00\ufeff") {
			return nil, fmt.Errorf("%w: %q", ErrBadWord, w)
		}
		b.WriteString(w)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// Words implements [nlp.Segmenter] with gojieba's search mode: every word of
// the most likely cut, preceded by the dictionary words inside it. The text
// must be normalised; a text with invalid UTF-8 or NUL yields no words.
func (s *Segmenter) Words(text string, word func(start, end int)) {
	if text == "" || !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return
	}
	for _, w := range s.x.Tokenize(text, gojieba.SearchMode, true) {
		word(w.Start, w.End)
	}
}

// Known implements [nlp.Dictionary].
func (s *Segmenter) Known(word string) bool {
	if word == "" || !utf8.ValidString(word) || strings.IndexByte(word, 0) >= 0 {
		return false
	}
	// Without the hidden Markov model, what is not in the dictionary falls
	// into single characters.
	return len(s.x.Tokenize(word, gojieba.DefaultMode, false)) == 1
}

// Close frees the dictionary. No call of Words may be running or follow.
func (s *Segmenter) Close() {
	s.x.Free()
}
