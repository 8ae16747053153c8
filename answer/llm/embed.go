package llm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"github.com/govqa/govqa/index"
)

// ErrEndpoint means that an endpoint gave something that cannot be used.
var ErrEndpoint = errors.New("模型服务的答复无效")

// An EmbedConfig says where embeddings come from.
type EmbedConfig struct {
	URL        string // of the API, as http://127.0.0.1:8000/v1
	Model      string
	Key        string // of the API; "" sends none
	Dimensions int    // asked for; 0 takes what the model gives
	// Some models want to be told a question from a document by words put before
	// the text.
	QuestionPrefix, DocumentPrefix string
	Timeout                        time.Duration // of one request; 0 means 30 s
}

// An Embedder is an [index.Embedder] behind an endpoint.
type Embedder struct {
	cfg    EmbedConfig
	client *openai.Client
}

var _ index.Embedder = (*Embedder)(nil)

// NewEmbedder makes an Embedder. It does not call the endpoint.
func NewEmbedder(cfg EmbedConfig) (*Embedder, error) {
	if err := checkEndpoint(cfg.URL, cfg.Model); err != nil {
		return nil, err
	}
	c := openai.DefaultConfig(cfg.Key)
	c.BaseURL = cfg.URL
	c.HTTPClient = newHTTPClient(cfg.Timeout)
	return &Embedder{cfg, openai.NewClientWithConfig(c)}, nil
}

func checkEndpoint(address, model string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("模型服务的地址 %q 不是 http:// 或 https:// 开头的网址", address)
	}
	if model == "" {
		return errors.New("没有写模型的名称")
	}
	return nil
}

// newHTTPClient makes a client that reads no endless answer and waits for none.
func newHTTPClient(timeout time.Duration) *http.Client {
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	return &http.Client{Timeout: timeout, Transport: bounded{http.DefaultTransport, maxReply}}
}

// maxReply is the longest reply that is read: 2,000 vectors of 4,096 numbers,
// written out, take about 100 MB.
const maxReply = 128 << 20

// bounded cuts off replies that are longer than so many bytes.
type bounded struct {
	http.RoundTripper
	most int64
}

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, b.most), resp.Body}
	}
	return resp, err
}

// Model implements [index.Embedder]: the model's name, with a mark of the
// settings that change its vectors.
func (e *Embedder) Model() string {
	c := &e.cfg
	if c.Dimensions == 0 && c.QuestionPrefix == "" && c.DocumentPrefix == "" {
		return c.Model
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%s", c.Dimensions, c.QuestionPrefix, c.DocumentPrefix))
	return fmt.Sprintf("%s#%x", c.Model, sum[:4])
}

// Embed implements [index.Embedder].
func (e *Embedder) Embed(ctx context.Context, role index.Role, texts []string) ([][]float32, int, error) {
	prefix := e.cfg.DocumentPrefix
	if role == index.RoleQuestion {
		prefix = e.cfg.QuestionPrefix
	}
	input := make([]string, len(texts))
	for i, t := range texts {
		input[i] = prefix + t
	}
	resp, err := e.client.CreateEmbeddings(ctx, openai.EmbeddingRequest{Input: input, Model: openai.EmbeddingModel(e.cfg.Model),
		EncodingFormat: openai.EmbeddingEncodingFormatFloat, Dimensions: e.cfg.Dimensions})
	if err != nil {
		return nil, 0, fmt.Errorf("向量服务：%w", err)
	}
	vectors, err := inOrder(resp.Data, len(texts))
	if err != nil {
		return nil, 0, fmt.Errorf("向量服务：%w", err)
	}
	return vectors, max(0, resp.Usage.TotalTokens), nil
}

// inOrder puts the vectors into the order of the texts: servers need not.
func inOrder(data []openai.Embedding, n int) ([][]float32, error) {
	if len(data) != n {
		return nil, fmt.Errorf("%w：%d 段文字，%d 个向量", ErrEndpoint, n, len(data))
	}
	vectors := make([][]float32, n)
	for _, d := range data {
		switch {
		case d.Index < 0 || d.Index >= n || vectors[d.Index] != nil:
			return nil, fmt.Errorf("%w：向量的序号 %d 不对", ErrEndpoint, d.Index)
		case len(d.Embedding) == 0 || len(d.Embedding) != len(data[0].Embedding):
			return nil, fmt.Errorf("%w：向量有 %d 维，第一个有 %d 维", ErrEndpoint, len(d.Embedding), len(data[0].Embedding))
		}
		vectors[d.Index] = d.Embedding
		if !usable(d.Embedding) {
			return nil, fmt.Errorf("%w：向量全是零或不是数", ErrEndpoint)
		}
	}
	return vectors, nil
}

func usable(v []float32) bool {
	length := 0.0
	for _, x := range v {
		length += float64(x) * float64(x)
	}
	return length > 0 && !math.IsInf(length, 0) && !math.IsNaN(length)
}
