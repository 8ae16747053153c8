package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
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

// readAssets loads every file under its plain name and under a name that
// carries the hash of its content.
func (p *Pages) readAssets(files fs.FS) error {
	p.assets, p.hashed = map[string]*Asset{}, map[string]string{}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return fmt.Errorf("embedded files: %w", err)
	}
	for _, e := range entries {
		body, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return fmt.Errorf("embedded file: %w", err)
		}
		ext := path.Ext(e.Name())
		media, ok := mediaTypes[ext]
		if !ok {
			return fmt.Errorf("embedded file %s: unknown media type", e.Name())
		}
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:6])
		hashed := strings.TrimSuffix(e.Name(), ext) + "-" + hash + ext
		packed, err := compressed(body)
		if err != nil {
			return fmt.Errorf("embedded file %s: %w", e.Name(), err)
		}
		// Weak, because the same tag stands for the body and for its compressed form.
		a := Asset{Type: media, ETag: `W/"` + hash + `"`, Body: body, Gzip: packed}
		forever := a
		forever.Forever = true
		p.assets[e.Name()], p.assets[hashed] = &a, &forever
		p.hashed[e.Name()] = "/static/" + hashed
	}
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
