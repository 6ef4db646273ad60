# `make run` ranks predictors on the bundled search space; `make test` tests.
# SIMD kernels need Go's experiment of that name (Go 1.26, amd64); without it
# (make GOEXPERIMENT= …) and on other machines everything runs on portable
# kernels, slower.
export GOEXPERIMENT ?= simd

GO       ?= go
BIN      := bin/hypernas
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VULN     := golang.org/x/vuln/cmd/govulncheck@v1.6.0
FUZZTIME ?= 20s
# The race detector needs a C compiler.
RACE     := $(if $(shell command -v gcc || command -v clang || command -v cc),-race)

.PHONY: help build run test test-kernels lint generate fuzz bench cross check tables vuln clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/hypernas
	$(GO) build -trimpath -o $(BIN) ./cmd/hypernas

run: build ## rank the built-in predictors on the bundled search space and print the table
	$(BIN) run --plan plans/quick.yaml

test: ## run the tests with the race detector, in random order
	$(GO) test $(RACE) -shuffle=on -timeout 30m ./...

test-kernels: ## run without the race detector what is slow with it: kernels, vector and portable, hypernas, NAS-Bench-101's enumeration, every predictor on every space
	$(GO) test ./internal/nn/... ./predictors/hypernas ./spaces/bundled/... ./internal/nb101/... ./spaces/nasbench101/...
	$(GO) test -timeout 30m ./cmd/hypernas -run 'TestEveryPredictorOnEverySpace|TestPredictorsOnLittle'
	GOEXPERIMENT= $(GO) test ./internal/nn/... ./spaces/bundled/...

lint: ## run golangci-lint, pinned
	$(GO) vet ./...
	GOEXPERIMENT= $(GO) run $(LINT) run ./...

generate: ## regenerate the protocol's code (needs protoc)
	$(GO) generate ./plugins/...

fuzz: ## run every fuzz target for FUZZTIME
	@$(GO) list -f '{{$$d := .ImportPath}}{{range .TestGoFiles}}{{$$d}} {{$$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$$d}} {{$$.Dir}}/{{.}}{{"\n"}}{{end}}' ./... | \
	while read -r pkg file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file" | while read -r target; do \
			echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
		done || exit 1; \
	done

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

cross: ## build for the other platforms
	GOEXPERIMENT= GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/hypernas
	GOEXPERIMENT= GOOS=windows GOARCH=amd64 $(GO) build -o /dev/null ./cmd/hypernas
	GOEXPERIMENT= GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/hypernas

check: lint cross test test-kernels ## what CI runs

# insert puts the tables of the records in $(1), with the options $(3), into page $(2).
define insert
	@$(BIN) table $(1) --format markdown $(3) > $(2).table
	@awk '/^<!-- end of table -->/ {skip = 0} !skip {print} /^<!-- table:/ && index($$0, " $(1) -->") {skip = 1; while ((getline line < "$(2).table") > 0) print line}' $(2) > $(2).new
	@mv $(2).new $(2) && rm $(2).table
endef

tables: build ## write the tables of README and docs again from the records beside them
	@$(BIN) plot docs/quick --kind curves -o docs/quick/curve.svg
	$(call insert,docs/quick,README.md)
	$(call insert,docs/predictors,docs/predictors.md,--over gp-warp)
	$(call insert,docs/papers,docs/predictors.md,--over gp-warp)
	$(call insert,docs/hypernas/rivals,docs/hypernas.md,--over gp-warp)
	$(call insert,docs/hypernas/inductive,docs/hypernas.md,--over gp-warp)
	$(call insert,docs/hypernas/nasbench201,docs/hypernas.md,--over gp-warp --baseline np)
	$(call insert,docs/hypernas/nasbench101,docs/hypernas.md,--over gp-warp)
	$(call insert,docs/hypernas/clean,docs/hypernas.md,--over gp-warp)
	$(call insert,docs/hypernas/ablation,docs/hypernas.md,--over hypernas:members=1)
	$(call insert,docs/hypernas/parts,docs/hypernas.md,--over hypernas:members=1)
	$(call insert,docs/hypernas/ablation-plus,docs/hypernas.md,--over hypernas-plus)
	$(call insert,docs/hypernas/parts-plus,docs/hypernas.md,--over hypernas-plus)

vuln: ## look for known vulnerabilities (needs the network)
	$(GO) run $(VULN) ./...

clean: ## remove what was built
	rm -rf bin
