// Command image puts static binaries of govqa into an OCI image of several
// architectures, as an image layout on the disk. It needs no container engine,
// and the same binaries give the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nobody is whom the service runs as.
const nobody = 65532

// certificates are where Debian keeps the roots of trust, and where Go looks.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

func main() {
	out := flag.String("out", "image", "folder of the image layout; what is there is replaced")
	version := flag.String("version", "dev", "version of the program")
	flag.Parse()
	if err := write(*out, *version, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// made is when everything in the image was made: the commit's time.
func made() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// write writes the image of all binaries.
func write(out, version string, binaries []string) error {
	if len(binaries) == 0 {
		return errors.New("no binary is named")
	}
	at, err := made()
	if err != nil {
		return err
	}
	roots, err := os.ReadFile(certificates)
	if err != nil {
		return fmt.Errorf("%w (apt-get install ca-certificates)", err)
	}
	index := mutate.IndexMediaType(v1.ImageIndex(empty.Index), types.OCIImageIndex)
	for _, path := range binaries {
		arch := path[strings.LastIndex(path, "-")+1:]
		if !slices.Contains([]string{"amd64", "arm64"}, arch) {
			return fmt.Errorf("%s does not end with its architecture", path)
		}
		img, err := image(path, arch, version, at, roots)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	root := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: index,
		Descriptor: v1.Descriptor{Annotations: map[string]string{"org.opencontainers.image.ref.name": version}}})
	_, err = layout.Write(out, root)
	return err
}

// image is that of one architecture: one layer on nothing.
func image(path, arch, version string, at time.Time, roots []byte) (v1.Image, error) {
	binary, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	files, err := layer(binary, roots, at)
	if err != nil {
		return nil, err
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(v1.Image(empty.Image), types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: at}, CreatedBy: "tools/image " + filepath.Base(path)}}); err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, config(img, arch, version, at))
}

func config(img v1.Image, arch, version string, at time.Time) *v1.ConfigFile {
	c, err := img.ConfigFile()
	if err != nil {
		panic(err) // of an image in memory
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Created = "linux", arch, v1.Time{Time: at}
	c.Config = v1.Config{
		User:         fmt.Sprintf("%d:%d", nobody, nobody),
		Entrypoint:   []string{"/govqa"},
		Cmd:          []string{"serve", "-data", "/data", "-addr", "0.0.0.0:8080"},
		WorkingDir:   "/data",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Volumes:      map[string]struct{}{"/data": {}},
		StopSignal:   "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":    "govqa",
			"org.opencontainers.image.version":  version,
			"org.opencontainers.image.source":   "https://github.com/govqa/govqa",
			"org.opencontainers.image.licenses": "Apache-2.0",
		},
	}
	return c
}

// layer is the file system: the program, what it trusts, a place for its data
// and one for what is passing.
func layer(binary, roots []byte, at time.Time) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(name string, mode int64, owner int, content []byte) error {
		h := &tar.Header{Name: name, Mode: mode, Uid: owner, Gid: owner, ModTime: at, Size: int64(len(content)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if strings.HasSuffix(name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	user := fmt.Sprintf("root:x:0:0:root:/:/\ngovqa:x:%d:%d:govqa:/data:/\n", nobody, nobody)
	err := errors.Join(
		add("data/", 0o700, nobody, nil),
		add("etc/", 0o755, 0, nil), add("etc/passwd", 0o644, 0, []byte(user)),
		add("etc/ssl/", 0o755, 0, nil), add("etc/ssl/certs/", 0o755, 0, nil), add("etc/ssl/certs/ca-certificates.crt", 0o644, 0, roots),
		add("govqa", 0o755, 0, binary),
		add("tmp/", 0o1777, 0, nil),
		w.Close(),
	)
	return buf.Bytes(), err
}
