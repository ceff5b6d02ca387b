# `make` sets wasmlet up in .venv. Every other target does so too, then its own work; what is up to date is left alone.
#
#   PYTHON=python3.13 make     another Python (3.11 or newer) for .venv
#   make test ARGS="-k image"  arguments for pytest, of which one session then runs, not two

PYTHON ?= python3
VENV := .venv
TOOLS := .tools/bin
STUBS := cri_server/cri_v1/api_pb2.py
PACKAGES := cri_server sandbox image_store tests hatch_build.py toolbox/snapshot.py $(if $(wildcard deploy/*.py),deploy)

KUBERNETES := v1.36.3
CRI_TOOLS := v1.36.0
CONTAINERD := v2.4.2
CONTROL_PLANE := kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubectl

.DELETE_ON_ERROR:
.PHONY: setup help demo test fuzz lint format lock tools toolbox no-go guest-tools no-npm critest bench-tools bench bench-http-tools bench-http bench-network clean

setup: $(VENV)/.ready $(STUBS) ## .venv with wasmlet in it (the default)
	@echo "wasmlet is ready: .venv/bin/wasmlet ('make help' lists what else there is)"

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- Python -----------------------------------------------------------------------------------------------------

$(VENV)/.created:
	@echo "Creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: name a newer one, as in 'PYTHON=python3.13 make'" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) cannot make virtual environments: install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.locked: requirements-dev.txt | $(VENV)/.created
	@echo "Installing the pinned dependencies into $(VENV)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.ready: pyproject.toml hatch_build.py $(VENV)/.locked
	@echo "Installing wasmlet into $(VENV)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(STUBS): proto/api.proto | $(VENV)/.ready
	@echo "Generating the CRI messages from $<"
	@$(VENV)/bin/python hatch_build.py

COMPILE := $(VENV)/bin/python -m piptools compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

lock: setup ## pin the dependencies of pyproject.toml anew
	@echo "Pinning the dependencies"
	@$(COMPILE) --output-file requirements.txt pyproject.toml
	@$(COMPILE) --output-file requirements-dev.txt --extra dev --constraint requirements.txt pyproject.toml

# ---- A look at it -------------------------------------------------------------------------------------------------

demo: setup ## pull an image, run it as a pod, kill the server meanwhile, clean up (as root)
	@$(VENV)/bin/python -m tests.demo

# ---- Checks -----------------------------------------------------------------------------------------------------

test: setup toolbox ## the tests; those whose tool is missing are skipped, with the reason
	@echo "Running the tests"
	@$(VENV)/bin/python -m $(if $(ARGS),pytest $(ARGS),tests)

fuzz: setup ## a million hostile frames for each codec of the streaming server (ARGS="--frames N", "--seed N")
	@$(VENV)/bin/python -m tests.fuzz $(ARGS)

lint: setup ## ruff and mypy --strict
	@echo "Checking style"
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@echo "Checking types"
	@$(VENV)/bin/mypy --strict $(PACKAGES)

format: setup ## let ruff put the code into its format
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

# ---- Real clients, built from their Go modules into .tools/bin ----------------------------------------------------

# $(call go_build,module folder,binary's name,package,flags)
define go_build
	@echo "Building $(2)"
	@mkdir -p $(TOOLS)
	@go build -C tests/tools/$(1) -trimpath $(4) -o $(abspath $(TOOLS))/$(2) $(3)
endef

KUBERNETES_FLAGS := -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$(KUBERNETES) \
	-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"

tools: setup toolbox guest-tools $(addprefix $(TOOLS)/,crictl critest kubelet etcd $(CONTROL_PLANE)) ## crictl, critest, kubelet, etcd, control plane
	@echo "The real clients are in $(TOOLS)"

$(TOOLS)/crictl: tests/tools/cri/go.mod tests/tools/cri/go.sum
	$(call go_build,cri,crictl,sigs.k8s.io/cri-tools/cmd/crictl,\
		-ldflags "-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version=$(CRI_TOOLS)")

$(TOOLS)/critest: tests/tools/cri/go.mod tests/tools/cri/go.sum
	@echo "Building critest"
	@mkdir -p $(TOOLS)
	@go test -C tests/tools/cri -c -trimpath -o $(abspath $@) \
		-ldflags "-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version=$(CRI_TOOLS)" sigs.k8s.io/cri-tools/cmd/critest

$(TOOLS)/kubelet $(addprefix $(TOOLS)/,$(CONTROL_PLANE)): tests/tools/kubernetes/go.mod tests/tools/kubernetes/go.sum
	$(call go_build,kubernetes,$(@F),k8s.io/kubernetes/cmd/$(@F),$(KUBERNETES_FLAGS))

$(TOOLS)/etcd: tests/tools/etcd/go.mod tests/tools/etcd/go.sum
	$(call go_build,etcd,etcd,go.etcd.io/etcd/server/v3,-ldflags "-s -w")

# ---- The toolbox: a shell and small commands as one WebAssembly program, for images of tests -------------------------

TOOLBOX := toolbox/.build/toolbox.wasm

toolbox: $(if $(shell command -v go),$(TOOLBOX),no-go) ## the shell and small commands in WebAssembly, for images

# Its packages are initialised here, not in each of its runs. It says to Go's runtime what has changed since by names that
# the linker otherwise keeps for Go's own packages.
$(TOOLBOX): $(shell find toolbox -name '*.go') toolbox/go.mod toolbox/go.sum toolbox/snapshot.py | $(VENV)/.ready
	@echo "Building the toolbox"
	@mkdir -p $(@D)
	@go run -C toolbox . --list > $(@D)/commands
	@GOOS=wasip1 GOARCH=wasm go build -C toolbox -buildmode=c-shared -trimpath -ldflags "-s -w -checklinkname=0" \
		-o $(abspath $(@D))/reactor.wasm .
	@$(VENV)/bin/python toolbox/snapshot.py $(@D)/reactor.wasm $@
	@rm $(@D)/reactor.wasm

no-go:
	@echo "Go is not installed: the toolbox is not built, and tests that need it are skipped"

# ---- What makes components of Python, JavaScript and C, for guests of tests ------------------------------------------

GUEST_TOOLS := .tools/guests
COMPONENTS := tests/guests/components

guest-tools: setup $(if $(shell command -v npm),$(GUEST_TOOLS)/.ready,no-npm) ## componentize-py and componentize-js, for guests of tests

$(GUEST_TOOLS)/.ready: $(COMPONENTS)/package-lock.json $(COMPONENTS)/requirements.txt
	@echo "Installing what makes components"
	@rm -rf $(GUEST_TOOLS)
	@mkdir -p $(GUEST_TOOLS)
	@cp $(COMPONENTS)/package.json $(COMPONENTS)/package-lock.json $(GUEST_TOOLS)
	@cd $(GUEST_TOOLS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --target $(GUEST_TOOLS)/python \
		-r $(COMPONENTS)/requirements.txt
	@touch $@

no-npm:
	@echo "npm is not installed: components are not made of Python, JavaScript and C, and tests that need them are skipped"

critest: setup toolbox $(TOOLS)/critest ## critest against wasmlet: passed, failed and skipped by group (as root)
	@$(VENV)/bin/python -m tests.e2e.critest $(ARGS)

# ---- Measurements -------------------------------------------------------------------------------------------------

bench-tools: setup $(addprefix $(TOOLS)/,containerd containerd-shim-runc-v2 ctr runc) ## containerd and runc, to measure beside
	@echo "containerd and runc are in $(TOOLS)"

$(addprefix $(TOOLS)/,containerd containerd-shim-runc-v2 ctr): tests/tools/containerd/go.mod tests/tools/containerd/go.sum
	$(call go_build,containerd,$(@F),github.com/containerd/containerd/v2/cmd/$(@F),\
		-ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=$(CONTAINERD)")

# Needs the headers of libseccomp (Debian: libseccomp-dev).
$(TOOLS)/runc: tests/tools/runc/go.mod tests/tools/runc/go.sum
	$(call go_build,runc,runc,github.com/opencontainers/runc,-tags seccomp -ldflags "-s -w")

bench: bench-tools $(addprefix $(TOOLS)/,crictl kubelet etcd $(CONTROL_PLANE)) toolbox ## wasmlet and containerd with runc, measured side by side (ARGS="--help" lists the options)
	@$(VENV)/bin/python -m tests.bench $(ARGS)

WASMTIME := .tools/wasmtime

bench-http-tools: setup guest-tools $(WASMTIME)/.ready ## the wasmtime command, to measure beside
	@command -v wrk >/dev/null || { echo "wrk is not installed: install the package wrk" >&2; exit 1; }

$(WASMTIME)/.ready: tests/bench/http/requirements.txt
	@echo "Installing the wasmtime command"
	@rm -rf $(WASMTIME)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --target $(WASMTIME) -r $<
	@chmod +x $(WASMTIME)/wasmtime_cli/wasmtime
	@touch $@

bench-http: bench-http-tools ## HTTP servers of WebAssembly: wasmlet and wasmtime serve, side by side (as root)
	@$(VENV)/bin/python -m tests.bench.http $(ARGS)

bench-network: setup ## wasmlet's own network: what it costs a pod (as root)
	@$(VENV)/bin/python -m tests.bench.pod_network $(ARGS)

clean: ## remove what the targets made, but for .tools
	@rm -rf $(VENV) $(STUBS) $(STUBS)i .mypy_cache .ruff_cache .pytest_cache .hypothesis toolbox/.build
