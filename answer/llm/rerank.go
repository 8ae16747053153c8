package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/govqa/govqa/index"
)

// A RerankConfig says where candidates are ranked once more.
type RerankConfig struct {
	URL     string // of the API; /rerank is put after it
	Model   string
	Key     string        // of the API; "" sends none
	Timeout time.Duration // of one request; 0 means 30 s
}

// A Reranker is an [index.Reranker] behind an endpoint of the form that vLLM,
// Xinference, Jina and others share; go-openai has none.
type Reranker struct {
	cfg    RerankConfig
	client *http.Client
}

var _ index.Reranker = (*Reranker)(nil)

// NewReranker makes a Reranker. It does not call the endpoint.
func NewReranker(cfg RerankConfig) (*Reranker, error) {
	if err := checkEndpoint(cfg.URL, cfg.Model); err != nil {
		return nil, err
	}
	return &Reranker{cfg, newHTTPClient(cfg.Timeout)}, nil
}

// Model implements [index.Reranker].
func (r *Reranker) Model() string { return r.cfg.Model }

type rerankRequest struct {
	Model     string   `json:"model"`
	Query     string   `json:"query"`
	Documents []string `json:"documents"`
}

type rerankReply struct {
	Results []struct {
		Index *int     `json:"index"`
		Score *float64 `json:"relevance_score"`
	} `json:"results"`
	Usage struct {
		TotalTokens int `json:"total_tokens"`
	} `json:"usage"`
}

// Rerank implements [index.Reranker].
func (r *Reranker) Rerank(ctx context.Context, question string, texts []string) ([]float64, int, error) {
	body, err := json.Marshal(rerankRequest{r.cfg.Model, question, texts})
	if err != nil {
		return nil, 0, fmt.Errorf("重排服务：%w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(r.cfg.URL, "/")+"/rerank", bytes.NewReader(body))
	if err != nil {
		return nil, 0, fmt.Errorf("重排服务：%w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if r.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+r.cfg.Key)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("重排服务：%w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, err := io.ReadAll(io.LimitReader(resp.Body, 500))
		if err != nil {
			return nil, 0, fmt.Errorf("重排服务：%w", err)
		}
		return nil, 0, fmt.Errorf("%w：重排服务：%s：%s", ErrEndpoint, resp.Status, bytes.TrimSpace(said))
	}
	var reply rerankReply
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		return nil, 0, fmt.Errorf("重排服务：%w：%w", ErrEndpoint, err)
	}
	scores, err := reply.scores(len(texts))
	if err != nil {
		return nil, 0, fmt.Errorf("重排服务：%w", err)
	}
	return scores, max(0, reply.Usage.TotalTokens), nil
}

// scores puts the scores into the order of the texts.
func (r *rerankReply) scores(n int) ([]float64, error) {
	if len(r.Results) != n {
		return nil, fmt.Errorf("%w：%d 段文字，%d 个分数", ErrEndpoint, n, len(r.Results))
	}
	scores, seen := make([]float64, n), make([]bool, n)
	for _, x := range r.Results {
		if x.Index == nil || x.Score == nil || *x.Index < 0 || *x.Index >= n || seen[*x.Index] || math.IsNaN(*x.Score) || math.IsInf(*x.Score, 0) {
			return nil, fmt.Errorf("%w：分数或序号不对", ErrEndpoint)
		}
		scores[*x.Index], seen[*x.Index] = *x.Score, true
	}
	return scores, nil
}
