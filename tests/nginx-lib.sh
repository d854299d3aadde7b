# SPDX-License-Identifier: Apache-2.0
# Sourced: an nginx of its own, below a folder, on loopback; stopped by pid.
# shellcheck shell=bash disable=SC2154

nginx_bin=$top/build/nginx/nginx
nginx_pid=

# nginx_conf DIR: what is not servers, from stdin; as whom musterd runs
nginx_conf() {
        local user=
        mkdir -p "$1/cache"
        if [ "$(id -u)" -eq 0 ]; then user='user nobody nogroup;' && chown nobody "$1/cache"; fi
        chmod 0755 "$1"
        cat >"$1/nginx.conf" <<END
daemon off; worker_processes 2; pid $1/nginx.pid; error_log $1/error.log warn; $user
events { worker_connections 2048; }
http {
        client_body_temp_path $1/t1; proxy_temp_path $1/t2; fastcgi_temp_path $1/t3; uwsgi_temp_path $1/t4; scgi_temp_path $1/t5;
        default_type application/octet-stream; access_log $1/access.log;
        $(cat)
}
END
}

# nginx_start DIR PORT: until it answers on PORT
nginx_start() {
        "$nginx_bin" -p "$1" -c "$1/nginx.conf" -e "$1/error.log" 2>>"$1/error.log" &
        nginx_pid=$!
        for _ in $(seq 200); do
                (: <"/dev/tcp/127.0.0.1/$2") 2>/dev/null && return 0
                kill -0 "$nginx_pid" 2>/dev/null || break
                sleep 0.1
        done
        echo "nginx did not start:" >&2
        tail -n 5 "$1/error.log" >&2
        return 1
}

nginx_stop() {
        [ -n "$nginx_pid" ] || return 0
        kill "$nginx_pid" 2>/dev/null
        wait "$nginx_pid" 2>/dev/null
        nginx_pid=
}
