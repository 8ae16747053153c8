package document

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

// maxDepth is how deep elements may be nested.
const maxDepth = 512

func readHTML(data []byte) ([]Block, error) {
	r, err := charset.NewReader(bytes.NewReader(data), "text/html") // by the page's own word: GB18030, UTF-8
	if err != nil {
		return nil, fmt.Errorf("%w：编码认不出（%w）", ErrFormat, err)
	}
	root, err := html.Parse(r)
	if err != nil {
		return nil, fmt.Errorf("%w：网页读不懂（%w）", ErrFormat, err)
	}
	p := page{}
	if err := p.walk(root, 0); err != nil {
		return nil, err
	}
	p.end()
	return p.blocks, nil
}

// A page gathers the paragraphs of a web page.
type page struct {
	blocks  []Block
	text    strings.Builder
	heading int
	anchor  string // of the paragraph being read
	size    int
}

func (p *page) walk(n *html.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w：网页的层次超过 %d", ErrFormat, maxDepth)
	}
	switch n.Type {
	case html.TextNode:
		p.text.WriteString(strings.ReplaceAll(n.Data, "\n", " "))
		return nil
	case html.ElementNode:
		switch n.DataAtom {
		case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Head, atom.Nav, atom.Header, atom.Footer, atom.Form, atom.Button, atom.Svg:
			return nil // not of the text
		case atom.Br:
			p.text.WriteString("\n")
		}
	}
	block := isBlock(n)
	if block {
		p.end()
		p.heading = headingLevel(n)
	}
	if id := idOf(n); id != "" && p.anchor == "" {
		p.anchor = id
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if err := p.walk(c, depth+1); err != nil {
			return err
		}
	}
	if n.DataAtom == atom.Td || n.DataAtom == atom.Th {
		p.text.WriteString("　")
	}
	if block {
		p.end()
	}
	if p.size > MaxText {
		return fmt.Errorf("%w：正文超过 %d MiB", ErrTooLarge, MaxText>>20)
	}
	return nil
}

// end ends a paragraph. White space is folded as browsers do, but line breaks
// that were asked for stay.
func (p *page) end() {
	var lines []string
	for line := range strings.SplitSeq(clean(p.text.String()), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	p.text.Reset()
	if len(lines) == 0 {
		return // its anchor holds for what comes next
	}
	b := Block{Text: strings.Join(lines, "\n"), Heading: p.heading, Anchor: p.anchor}
	p.size += len(b.Text)
	p.blocks, p.heading, p.anchor = append(p.blocks, b), 0, ""
}

func idOf(n *html.Node) string {
	for _, a := range n.Attr {
		if a.Key == "id" || a.Key == "name" && n.DataAtom == atom.A {
			return a.Val
		}
	}
	return ""
}

func headingLevel(n *html.Node) int {
	switch n.DataAtom {
	case atom.H1:
		return 1
	case atom.H2:
		return 2
	case atom.H3:
		return 3
	case atom.H4:
		return 4
	case atom.H5, atom.H6:
		return 5
	}
	return 0
}

func isBlock(n *html.Node) bool {
	switch n.DataAtom {
	case atom.P, atom.Div, atom.Section, atom.Article, atom.Main, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Li, atom.Ul, atom.Ol,
		atom.Tr, atom.Table, atom.Blockquote, atom.Pre, atom.Dt, atom.Dd, atom.Dl, atom.Body, atom.Center, atom.Figcaption, atom.Caption:
		return n.Type == html.ElementNode
	}
	return false
}
