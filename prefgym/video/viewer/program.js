// A program whose uniforms are set by name.

/** Compile and link. Throws with the compiler's words; says nothing where the context is lost, since it comes back. */
export function makeProgram(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  const setters = {
    [gl.FLOAT_MAT4]: (place, value) => gl.uniformMatrix4fv(place, false, value),
    [gl.FLOAT_VEC3]: (place, value) => gl.uniform3fv(place, value),
    [gl.FLOAT_VEC2]: (place, value) => gl.uniform2fv(place, value),
    [gl.FLOAT]: (place, value) => gl.uniform1f(place, value),
  };
  const places = new Map();
  const count = gl.isContextLost() ? 0 : gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS);
  for (let at = 0; at < count; at += 1) {
    const { name, type } = gl.getActiveUniform(made, at);
    const set = setters[type] ?? ((place, value) => gl.uniform1i(place, value));
    const place = gl.getUniformLocation(made, name);
    places.set(name, (value) => set(place, value));
  }
  return {
    use(values) {
      gl.useProgram(made);
      for (const [name, value] of Object.entries(values)) places.get(name)?.(value);
    },
  };
}

/** Whether the renderer draws on the processor. */
export function isSoftware() {
  const gl = document.createElement("canvas").getContext("webgl2");
  const told = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = told ? gl.getParameter(told.UNMASKED_RENDERER_WEBGL) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|basic render/i.test(name);
}
