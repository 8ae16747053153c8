// Package sample holds the built-in sample corpus: guides, FAQs and life
// events of one made-up city, 安澜市, so that a fresh installation answers
// questions at once.
//
// The rules that it names are real; every place, address, telephone number,
// promised limit and link is made up, and every record says so
// (source.sample).
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

// Files yields the name and the rows of every file of the sample corpus, in
// the order of their names. A file that cannot be opened yields one row with
// the error.
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
