// Programs of the scene. Where the renderer is software (tests, remote desktops), shadows are coarse: soft is true.

export const SOLID_VS = `#version 300 es
layout(location=0) in vec4 corner;   // xyz on the unit shape, w: which end (-1, 0, 1)
layout(location=1) in vec3 normal;
layout(location=2) in vec4 place;    // xyz, w: order of depth
layout(location=3) in vec4 turn;     // w x y z
layout(location=4) in vec4 shape;    // radii, half length
layout(location=5) in vec4 paint;
uniform mat4 camera;
out vec3 vNormal; out vec3 vWorld; out vec4 vPaint;
vec3 rotate(vec3 v) { return v + 2.0 * cross(turn.yzw, cross(turn.yzw, v) + turn.x * v); }
void main() {
  vWorld = place.xyz + rotate(corner.xyz * shape.xyz + vec3(0, 0, corner.w * shape.w));
  vNormal = rotate(normalize(normal / shape.xyz));
  vPaint = paint;
  gl_Position = camera * vec4(vWorld, 1);
  gl_Position.z -= place.w * 1e-5 * gl_Position.w; // shapes that lie in one another (Walker2d's legs): a fixed order, no flicker
}`;

const shading = (soft) => `
precision highp float;
uniform highp sampler2DShadow shadow;
uniform mat4 light;
float lit(vec3 world) {
  vec3 at = (light * vec4(world, 1)).xyz * 0.5 + 0.5;
  if (any(lessThan(at.xy, vec2(0.004))) || any(greaterThan(at.xy, vec2(0.996)))) return 1.0;
  ${
    soft
      ? "return texture(shadow, at);"
      : `float sum = 0.0;
  for (int x = -1; x <= 1; x++) for (int y = -1; y <= 1; y++) sum += texture(shadow, vec3(at.xy + vec2(x, y) * 0.00186, at.z));
  return sum / 9.0;`
  }
}
vec3 toLinear(vec3 c) { return ${soft ? "c * c" : "pow(c, vec3(2.2))"}; }
vec3 toScreen(vec3 c) { return ${soft ? "sqrt(c)" : "pow(c, vec3(1.0 / 2.2))"}; }`;

export const solidFs = (soft) => `#version 300 es
${shading(soft)}
in vec3 vNormal; in vec3 vWorld; in vec4 vPaint;
uniform vec3 eye; uniform vec3 sun; uniform vec3 sky; uniform vec3 ground; uniform float flatness; uniform float base; uniform float unit;
out vec4 colour;
void main() {
  vec3 n = normalize(vNormal), v = normalize(eye - vWorld);
  float rim = pow(1.0 - max(dot(n, v), 0.0), 3.0);
  if (flatness > 0.5) { colour = vec4(vPaint.rgb, vPaint.a * mix(0.5, 1.3, rim)); return; }
  vec3 own = toLinear(vPaint.rgb);
  float direct = max(dot(n, sun), 0.0);
  if (direct > 0.0) direct *= lit(vWorld + n * 0.012 * unit);
  vec3 around = mix(toLinear(ground), toLinear(sky), n.z * 0.5 + 0.5);
  float contact = mix(0.62, 1.0, smoothstep(0.0, 0.22, (vWorld.z - base) / unit + n.z * 0.06));
  float gloss = 0.16 * pow(max(dot(n, normalize(sun + v)), 0.0), 42.0) * step(0.001, direct);
  vec3 c = own * (around * 0.62 * contact + vec3(1.0, 0.975, 0.94) * direct * 0.92) + gloss + around * rim * 0.10;
  c = c / (1.0 + max(max(c.r, max(c.g, c.b)) - 0.8, 0.0));
  colour = vec4(toScreen(c), vPaint.a);
}`;

export const FLOOR_VS = `#version 300 es
layout(location=0) in vec4 corner;
uniform mat4 camera; uniform vec2 centre; uniform float base;
out vec2 vPlace;
void main() { vPlace = centre + corner.xy * 90.0; gl_Position = camera * vec4(vPlace, base, 1); }`;

export const floorFs = (soft) => `#version 300 es
${shading(soft)}
in vec2 vPlace;
uniform vec2 centre; uniform vec3 tileA; uniform vec3 tileB; uniform vec3 rule; uniform vec3 horizon; uniform vec3 shade;
uniform float side; uniform float reach; uniform float base; uniform float unit; uniform float numbered;
uniform sampler2D numbers;
out vec4 colour;
float checker(vec2 p, vec2 w) {
  vec2 i = 2.0 * (abs(fract((p - 0.5 * w) * 0.5) - 0.5) - abs(fract((p + 0.5 * w) * 0.5) - 0.5)) / w;
  return 0.5 - 0.5 * i.x * i.y;
}
float stripe(float p, float w, float half_) {
  float cover = min(1.0, (half_ * 2.0 + w) / (w * 2.0 + 1e-5));
  return (1.0 - smoothstep(half_, half_ + w, abs(fract(p + 0.5) - 0.5))) * cover;
}
void main() {
  vec2 p = vPlace / unit, w = max(fwidth(p), 1e-4);
  vec2 off = (vPlace - centre) / reach;
  float near = exp(-dot(off, off));
  vec3 c = horizon;
  if (near > 0.01) {
    c = mix(tileA, tileB, checker(p, w));
    float metre = max(stripe(p.x, w.x, 0.006), stripe(p.y, w.y, 0.006) * 0.6);
    float five = stripe(p.x / 5.0, w.x / 5.0, 0.0022);
    c = mix(c, rule, max(metre * 0.30, five * 0.75) * near);
    // Numbers painted on lanes 3 m apart, upright for whoever looks from this side.
    float lane = mod(p.y * side + 1.5, 3.0) - 1.5 + 0.98;
    float cell = floor(p.x + 0.5);
    vec2 spot = vec2((p.x - cell) * side / 0.56 + 0.5, 0.5 - lane / 0.28);
    if (numbered > 0.5 && abs(lane) < 0.14 && abs(spot.x - 0.5) < 0.5 && cell > -8.5 && cell < 55.5) {
      float index = cell + 8.0;
      vec2 uv = (vec2(mod(index, 8.0), floor(index / 8.0)) + spot) / 8.0;
      vec2 scale = vec2(side / 0.56, -side / 0.28) / 8.0;
      float ink = textureGrad(numbers, uv, dFdx(p) * scale, dFdy(p) * scale).r;
      c = mix(c, rule, ink * near * (mod(cell, 5.0) == 0.0 ? 1.0 : 0.62));
    }
    c *= mix(shade, vec3(1.0), lit(vec3(vPlace, base)));
  }
  colour = vec4(mix(horizon, c, near), 1);
}`;

export const SKY_VS = `#version 300 es
layout(location=0) in vec4 corner; uniform mat4 back; out vec3 vRay;
void main() {
  vec4 far = back * vec4(corner.xy, 1, 1), near = back * vec4(corner.xy, -1, 1);
  vRay = far.xyz / far.w - near.xyz / near.w;
  gl_Position = vec4(corner.xy, 0.99999, 1);
}`;

export const SKY_FS = `#version 300 es
precision highp float; in vec3 vRay; uniform vec3 zenith; uniform vec3 horizon; out vec4 colour;
void main() { float up = vRay.z * inversesqrt(dot(vRay, vRay)); colour = vec4(mix(horizon, zenith, smoothstep(0.0, 0.42, up)), 1); }`;

export const DEPTH_FS = `#version 300 es
precision mediump float; out vec4 colour; void main() { colour = vec4(1); }`;

export const PICTURE_VS = `#version 300 es
layout(location=0) in vec4 corner; out vec2 vSpot;
void main() { vSpot = vec2(corner.x, -corner.y) * 0.5 + 0.5; gl_Position = vec4(corner.xy, 0, 1); }`;

export const PICTURE_FS = `#version 300 es
precision mediump float; in vec2 vSpot; uniform sampler2D picture; uniform float strength; out vec4 colour;
void main() { colour = vec4(texture(picture, vSpot).rgb, strength); }`;
