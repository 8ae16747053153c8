package index

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
)

// An Embedder turns texts into vectors: texts of like meaning into vectors that
// point the same way. It is a model behind an endpoint, and may fail at any
// time; nothing depends on it.
type Embedder interface {
	// Model names the model and whatever else changes its vectors. Vectors of
	// different names are never compared.
	Model() string
	// Embed returns a vector for each text, all of one dimension, and how many
	// tokens that took.
	Embed(ctx context.Context, role Role, texts []string) (vectors [][]float32, tokens int, err error)
}

// A Role says what a text is to be embedded as: models may tell the two apart.
type Role string

// The roles.
const (
	RoleQuestion Role = "question"
	RoleDocument Role = "document"
)

// How many characters of a record are embedded: names tell most, and long
// texts blur what they are about.
const (
	maxEmbedded = 800
	maxField    = 300
)

// embeddedTexts are the texts that a record is embedded as: one, or of a long
// text one for each part. What only operators may see is sent to no model.
func embeddedTexts(rec corpus.Record) []string {
	rec, public := corpus.Public(rec)
	if !public {
		return nil
	}
	switch r := rec.(type) {
	case *corpus.Guide:
		return []string{embeddedGuide(r)}
	case *corpus.FAQ:
		return []string{joined(slices.Concat([]string{r.Question}, r.Similar, []string{r.Answer, r.Agency.Name}))}
	case *corpus.Policy:
		var texts []string
		for part := range parts(r.Text, maxField) {
			texts = append(texts, joined([]string{r.Title, part}))
		}
		if len(texts) == 0 {
			texts = []string{r.Title}
		}
		return texts
	case *corpus.Bundle:
		texts := slices.Concat([]string{r.Name}, r.Aliases)
		for _, s := range r.Steps {
			texts = append(texts, s.Name)
		}
		return []string{joined(texts)}
	}
	return nil
}

func embeddedGuide(g *corpus.Guide) string {
	texts := slices.Concat([]string{g.Name, g.ShortName}, g.Aliases, []string{g.Parent, g.Situation, g.Condition, g.Agency.Name, g.Region.Name})
	for _, qa := range g.FAQs {
		texts = append(texts, qa.Q)
	}
	for _, m := range g.Materials {
		texts = append(texts, m.Name)
	}
	return joined(append(texts, g.Result))
}

// joined puts texts into lines, the first ones whole as far as there is room.
func joined(texts []string) string {
	var b strings.Builder
	room := maxEmbedded
	for _, t := range texts {
		t = firstRunes(strings.TrimSpace(t), min(room, maxField))
		if t == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(t)
		room -= utf8.RuneCountInString(t)
	}
	return b.String()
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// parts yields a long text in parts of at most n characters that end where
// sentences do, if they can.
func parts(s string, n int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
			part := firstRunes(s, n)
			if len(part) < len(s) {
				if end := strings.LastIndexAny(part, "。；\n"); end > 0 {
					_, size := utf8.DecodeRuneInString(part[end:])
					part = part[:end+size]
				}
			}
			if !yield(part) {
				return
			}
			s = s[len(part):]
		}
	}
}
