package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/govqa/govqa/nlp"
)

// An Asset is a file that the pages load.
type Asset struct {
	Type    string // media type
	ETag    string // weak, from the content
	Body    []byte // not to be changed
	Gzip    []byte // the body compressed; not to be changed
	Forever bool   // asked for by its hashed name: it never changes
}

// Asset returns the file of a name under /static/, with or without its hash.
func (p *Pages) Asset(name string) (*Asset, bool) {
	a, ok := p.assets[name]
	return a, ok
}

// mediaTypes are those of the files there are: mime.TypeByExtension depends
// on the machine.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
}

// The files that the pages load, each joined from its parts in order: the
// parts are for people to read, one file is one request.
var assetParts = map[string][]string{
	"app.css":    {"css/tokens.css", "css/base.css", "css/card.css", "css/page.css", "css/view.css"},
	"app.js":     {"js/dom.js", "js/device.js", "js/card.js", "js/kit.js", "js/ask.js", "js/hints.js", "js/letter.js", "js/start.js"},
	"widget.js":  {"js/widget.js"},
	"staff.css":  {"css/tokens.css", "css/staff.css", "css/desk.css", "css/console.css"},
	"desk.js":    {"js/desk/net.js", "js/desk/list.js", "js/desk/judge.js", "js/desk/call.js", "js/desk/keys.js", "js/desk/start.js"},
	"watch.js":   {"js/watch.js"},
	"console.js": {"js/console.js"},
}

// readAssets keeps every file under its plain name and under a name that
// carries the hash of its content.
func (p *Pages) readAssets(files fs.FS) error {
	p.assets, p.hashed = map[string]*Asset{}, map[string]string{}
	for name, parts := range assetParts {
		var body []byte
		for _, part := range parts {
			b, err := fs.ReadFile(files, part)
			if err != nil {
				return fmt.Errorf("embedded file: %w", err)
			}
			body = append(body, b...)
		}
		if err := p.addAsset(name, body); err != nil {
			return fmt.Errorf("embedded file %s: %w", name, err)
		}
	}
	// The words of the script in traditional characters; its code is ASCII.
	if err := p.addAsset("app-hant.js", []byte(nlp.ToTraditional(string(p.assets["app.js"].Body)))); err != nil {
		return fmt.Errorf("script in traditional characters: %w", err)
	}
	return nil
}

func (p *Pages) addAsset(name string, body []byte) error {
	ext := path.Ext(name)
	media, ok := mediaTypes[ext]
	if !ok {
		return errors.New("unknown media type")
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:6])
	hashed := strings.TrimSuffix(name, ext) + "-" + hash + ext
	packed, err := compressed(body)
	if err != nil {
		return err
	}
	// Weak, because the same tag stands for the body and for its compressed form.
	a := Asset{Type: media, ETag: `W/"` + hash + `"`, Body: body, Gzip: packed}
	forever := a
	forever.Forever = true
	p.assets[name], p.assets[hashed] = &a, &forever
	p.hashed[name] = "/static/" + hashed
	return nil
}

func compressed(body []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
