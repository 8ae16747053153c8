// Package sample holds the corpus that ships with the service, so that a fresh
// installation answers questions before anyone has imported anything.
//
// It describes matters that are handled alike all over China, for one city
// that does not exist: 安澜市 (990100) in 示例省 (990000). Where a national rule
// fixes a condition, fee or period, the sample says what the rule says and
// names it. Everything that a city decides for itself is fictitious: offices,
// addresses, opening hours, telephone numbers (0900-555xxxx), web addresses
// (*.anlan.example) and promised time limits. Every guide, FAQ and bundle is
// therefore marked with source.sample, and none may be passed on as the
// information of a real agency.
package sample

import (
	"embed"
	"io/fs"
	"iter"
	"path"

	"github.com/govqa/govqa/corpus"
)

//go:embed data/*.jsonl
var data embed.FS

// Files yields the name and the rows of every file of the sample corpus, one
// for each domain, in the order of their names. Rows may be read any number of
// times. What cannot be opened yields one row with the error, as
// [corpus.ReadJSONL] does.
func Files() iter.Seq2[string, iter.Seq[corpus.Row]] {
	return func(yield func(string, iter.Seq[corpus.Row]) bool) {
		names, err := fs.Glob(data, "data/*.jsonl")
		if err != nil {
			yield("data", func(yield func(corpus.Row) bool) { yield(corpus.Row{Err: err}) })
			return
		}
		for _, name := range names {
			if !yield(path.Base(name), rows(name)) {
				return
			}
		}
	}
}

// rows reads an embedded file anew for each reader.
func rows(name string) iter.Seq[corpus.Row] {
	return func(yield func(corpus.Row) bool) {
		f, err := data.Open(name)
		if err != nil {
			yield(corpus.Row{Err: err})
			return
		}
		defer f.Close()
		corpus.ReadJSONL(f)(yield)
	}
}
