package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
)

// headRouter serves HEAD wherever GET is served.
type headRouter struct{ fiber.Router }

func (r headRouter) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	if method == http.MethodGet {
		r.Router.Add(http.MethodHead, path, handlers...)
	}
	return r.Router.Add(method, path, handlers...)
}

func (s *Server) newAPI() huma.API {
	cfg := huma.DefaultConfig("政务服务问答", s.cfg.Version)
	cfg.CreateHooks = nil // no $schema in the replies
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.AllowAdditionalPropertiesByDefault = true // fields that we do not know are ignored
	cfg.Transformers = []huma.Transformer{s.translate}
	return humafiber.NewWithGroup(s.app, headRouter{s.app}, cfg)
}

func (s *Server) askOperation() huma.Operation {
	return huma.Operation{OperationID: "ask", Method: http.MethodPost, Path: pathAsk}
}
func (s *Server) searchOperation() huma.Operation {
	return huma.Operation{OperationID: "search", Method: http.MethodGet, Path: pathSearch}
}
func (s *Server) suggestOperation() huma.Operation {
	return huma.Operation{OperationID: "suggest", Method: http.MethodGet, Path: pathSuggest}
}
func (s *Server) matterOperation() huma.Operation {
	return huma.Operation{OperationID: "matter", Method: http.MethodGet, Path: pathMatter}
}
func (s *Server) themesOperation() huma.Operation {
	return huma.Operation{OperationID: "themes", Method: http.MethodGet, Path: pathThemes}
}
func (s *Server) regionsOperation() huma.Operation {
	return huma.Operation{OperationID: "regions", Method: http.MethodGet, Path: pathRegions}
}
func (s *Server) hotOperation() huma.Operation {
	return huma.Operation{OperationID: "hot", Method: http.MethodGet, Path: pathHot}
}
func (s *Server) feedbackOperation() huma.Operation {
	return huma.Operation{OperationID: "feedback", Method: http.MethodPost, Path: pathFeedback}
}

func (s *Server) registerDocs() error { return nil }
