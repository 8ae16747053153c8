package console

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/document"
)

// A policyJob is how a document becomes policy records: one, or one for each
// part under a heading.
type policyJob struct {
	ID         string           `json:"id"`
	Title      string           `json:"title"`
	Number     string           `json:"number,omitempty"`
	Agency     string           `json:"agency,omitempty"`
	Region     string           `json:"region,omitempty"` // code
	From       string           `json:"from,omitempty"`
	Supersedes string           `json:"supersedes,omitempty"` // ids, separated by spaces
	URL        string           `json:"url,omitempty"`        // of the document as it is published
	Level      int              `json:"level"`                // of the headings at which it is cut; 0 keeps it whole
	Blocks     []document.Block `json:"blocks"`
}

// maxLevel is the deepest level of headings at which a document is cut.
const maxLevel = 3

// lookPolicy reads a document.
func (c *Console) lookPolicy(ctx context.Context, j *job, data []byte) error {
	blocks, err := document.Read(ctx, data)
	switch {
	case errors.Is(err, document.ErrFormat), errors.Is(err, document.ErrTooLarge), errors.Is(err, document.ErrNoText):
		return problem(http.StatusUnprocessableEntity, "这个文件不能导入：%s", err)
	case err != nil:
		return err
	}
	j.Policy = &policyJob{ID: "P-" + j.ID[:8], Title: document.Title(blocks), Blocks: blocks}
	for _, b := range blocks {
		if b.Heading == 1 {
			j.Policy.Level = 1
		}
	}
	return nil
}

// read takes what the editor says of a document.
func (p *policyJob) read(v url.Values) error {
	text := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	p.ID, p.Title, p.Number, p.Agency, p.Region = text("policy"), text("title"), text("number"), text("agency"), text("region")
	p.From, p.Supersedes, p.URL = text("from"), text("supersedes"), text("url")
	switch v.Get("level") {
	case "0", "1", "2", "3":
		p.Level = int(v.Get("level")[0] - '0')
	default:
		return problem(http.StatusUnprocessableEntity, "请选择按哪一级标题切分。")
	}
	if p.ID == "" || p.Title == "" {
		return problem(http.StatusUnprocessableEntity, "编号和标题都要填。")
	}
	return nil
}

// Pieces are the parts of the document as it is cut now.
func (p *policyJob) Pieces() []document.Piece { return document.Cut(p.Blocks, p.Level, p.URL) }

// Levels are the levels at which the document can be cut, with how many parts
// that gives.
func (p *policyJob) Levels() []levelChoice {
	list := []levelChoice{{0, 1}}
	for level := 1; level <= maxLevel; level++ {
		if n := len(document.Cut(p.Blocks, level, "")); n > list[len(list)-1].Parts {
			list = append(list, levelChoice{level, n})
		}
	}
	return list
}

type levelChoice struct{ Level, Parts int }

// rows are the records of the document. Each is checked like those of any file.
func (p *policyJob) rows() (iter.Seq[corpus.Row], error) {
	pieces := p.Pieces()
	if len(pieces) == 0 {
		return nil, document.ErrNoText
	}
	return func(yield func(corpus.Row) bool) {
		for i, piece := range pieces {
			rec := &corpus.Policy{Type: corpus.TypePolicy, ID: p.ID, Title: p.Title, Number: p.Number, Text: piece.Text,
				Agency: corpus.Agency{Name: p.Agency}, Region: corpus.Region{Code: corpus.RegionCode(p.Region)},
				Effective: corpus.Period{From: p.From}, Supersedes: strings.Fields(p.Supersedes), Source: corpus.Source{URL: piece.Link}}
			if len(pieces) > 1 {
				rec.ID = fmt.Sprintf("%s.%d", p.ID, i+1)
				if piece.Path != "" {
					rec.Title += "　" + piece.Path
				}
			}
			row := corpus.Row{N: i + 1, Record: rec}
			if err := rec.Validate(); err != nil {
				row.Err, row.Record = err, nil
			}
			if !yield(row) {
				return
			}
		}
	}, nil
}
