package llm

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"text/template"
	"unicode"

	"github.com/govqa/govqa/answer/guard"
)

//go:embed prompts
var promptFiles embed.FS

// prompts are the texts that tell the model what to do, and the form of its
// replies.
type prompts struct {
	templates *template.Template
	schemas   map[string]json.RawMessage
	version   string // changes with every change of a prompt
}

func loadPrompts() (*prompts, error) {
	p := &prompts{schemas: map[string]json.RawMessage{}}
	var err error
	if p.templates, err = template.New("").ParseFS(promptFiles, "prompts/*.tmpl"); err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	sum := sha256.New()
	files, err := fs.Glob(promptFiles, "prompts/*")
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	for _, name := range files {
		b, err := promptFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("prompts: %w", err)
		}
		sum.Write(b)
		if base, ok := strings.CutSuffix(strings.TrimPrefix(name, "prompts/"), ".json"); ok {
			p.schemas[base] = b
		}
	}
	p.version = hex.EncodeToString(sum.Sum(nil)[:8])
	return p, nil
}

// order fills in the prompt of a purpose. What the model is to work on is JSON,
// in which no text can end its own string.
func (p *prompts) order(purpose string, about, data any) (order, error) {
	var system bytes.Buffer
	if err := p.templates.ExecuteTemplate(&system, purpose+".tmpl", about); err != nil {
		return order{}, fmt.Errorf("prompt %s: %w", purpose, err)
	}
	var user bytes.Buffer
	enc := json.NewEncoder(&user)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return order{}, fmt.Errorf("prompt %s: %w", purpose, err)
	}
	return order{system: strings.TrimSpace(system.String()), user: strings.TrimSpace(user.String()), name: purpose, schema: p.schemas[purpose]}, nil
}

// private takes out of a citizen's text what a model must not see: personal
// data, every longer number, characters that nobody sees.
func private(text string) string {
	text, _ = guard.Strip(visible(text))
	runes := []rune(text)
	for i := 0; i < len(runes); {
		end, n := i, 0
		for end < len(runes) && (unicode.IsDigit(runes[end]) || n > 0 && strings.ContainsRune(" -.", runes[end])) {
			if unicode.IsDigit(runes[end]) {
				n++
			}
			end++
		}
		if n > longestNumber {
			for k := i; k < end; k++ {
				runes[k] = '*'
			}
		}
		i = max(end, i+1)
	}
	return string(runes)
}

// longestNumber is how many digits a question may have in a row: a year, an
// amount, a hotline.
const longestNumber = 5

// visible drops characters that nobody sees.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.Is(unicode.C, r) {
			return -1
		}
		return r
	}, text)
}
